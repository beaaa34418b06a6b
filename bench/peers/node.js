// Node: net.createServer, callbacks.
"use strict";
const net = require("net");

const starters = {};

starters.echo = (socket) => {
  socket.on("data", (chunk) => socket.write(chunk));
};

// Call onLine(line) for each line, its end included.
function readLines(socket, onLine) {
  let partial = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => {
    const text = partial + chunk;
    let from = 0;
    for (;;) {
      const stop = text.indexOf("\n", from);
      if (stop < 0) break;
      onLine(text.slice(from, stop + 1));
      from = stop + 1;
    }
    partial = text.slice(from);
  });
}

starters.line = (socket) => {
  readLines(socket, (line) => socket.write(line, "latin1"));
};

starters.pipeline = starters.line;

starters.churn = (socket) => {
  readLines(socket, (line) => socket.end(line, "latin1"));
};

starters.down = (socket) => {
  readLines(socket, (line) => {
    let [left, size] = line.split(" ").map(Number);
    const block = Buffer.alloc(size, "x");
    const pump = () => {
      while (left > 0) {
        const n = Math.min(left, size);
        left -= n;
        if (!socket.write(n < size ? block.subarray(0, n) : block)) return;
      }
      socket.end();
    };
    socket.on("drain", pump);
    pump();
  });
};

starters.up = (socket) => {
  let total = 0;
  socket.on("data", (chunk) => { total += chunk.length; });
  socket.on("end", () => socket.end(total + "\n"));
};

const start = starters[process.argv[2]];
if (!start) throw new Error("unknown case");

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  if (process.argv[2] !== "up") socket.on("end", () => socket.end());
  start(socket);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => {
  console.log("port " + server.address().port);
});
