// Right, if odd: Node, a pipe from each socket to itself.

const net = require("node:net");
const [host, port] = process.argv.slice(2);
const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on("error", () => {});
  socket.pipe(socket);
});
server.listen({ host, port: Number(port), backlog: 512 }, () => console.log(`listening ${host}:${port}`));
