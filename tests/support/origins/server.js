// Answers everything with 200 and logs what it received: `node server.js PORT`, one line of JSON each in ORIGIN_LOG.
const fs = require("node:fs");
const http = require("node:http");

const log = fs.openSync(process.env.ORIGIN_LOG, "a");

http.createServer((request, response) => {
  let bodyBytes = 0;
  request.on("data", (piece) => { bodyBytes += piece.length; });
  request.on("end", () => {
    const seen = { id: request.headers["x-request-id"] ?? "", method: request.method, body_bytes: bodyBytes };
    fs.writeSync(log, JSON.stringify(seen) + "\n");
    response.end("seen");
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
