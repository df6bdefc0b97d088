// Fault: writes what it reads and never looks at what write() returns. Named by bp-bounded.

const net = require("node:net");
const [host, port] = process.argv.slice(2);
const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on("error", () => {});
  socket.on("data", (data) => socket.write(data));
  socket.on("end", () => socket.end());
});
server.listen({ host, port: Number(port), backlog: 512 }, () => console.log(`listening ${host}:${port}`));
