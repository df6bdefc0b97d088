// Fault: setEncoding("utf8") decodes what it reads; what is no UTF-8 comes back as U+FFFD. Named by fid-no-decode
// and fid-one-byte.

const net = require("node:net");
const [host, port] = process.argv.slice(2);
const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.setEncoding("utf8");
  socket.on("error", () => {});
  socket.pipe(socket);
});
server.listen({ host, port: Number(port), backlog: 512 }, () => console.log(`listening ${host}:${port}`));
