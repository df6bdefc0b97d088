// Fault: no listener for a socket's 'error' event, so one client's reset is an uncaught exception and ends the process.
// Named by rst-idle and rst-pending.

const net = require("node:net");
const [host, port] = process.argv.slice(2);
const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => socket.pipe(socket));
server.listen({ host, port: Number(port), backlog: 512 }, () => console.log(`listening ${host}:${port}`));
