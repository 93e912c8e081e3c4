// Speaks HTTP/2 and tells what it saw: `node http2.js plain PORT-OR-PATH`, `node http2.js tls PORT CERTIFICATE KEY` (both protocols).
const fs = require("node:fs");
const http2 = require("node:http2");

const [mode, place, certificate, key] = process.argv.slice(2);

function answer(request, response) {
  let bytes = 0;
  request.on("data", (piece) => { bytes += piece.length; });
  request.on("end", () => {
    const seen = { version: request.httpVersion, method: request.method, path: request.url, bytes };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(seen));
  });
}

const server = mode === "tls"
  ? http2.createSecureServer({ allowHTTP1: true, cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, answer)
  : http2.createServer(answer);
server.listen(/^\d+$/.test(place) ? { port: Number(place), host: "127.0.0.1" } : place);
