// `npm run icons`: renders the drawings in icons/ into every size and container the three systems want.
// The renderings are committed, so that nobody needs rsvg-convert (Debian: librsvg2-bin) to build. Plain Node:
// .ico and .icns are both only a table of contents in front of PNG files.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const icons = join(dirname(dirname(fileURLToPath(import.meta.url))), "icons");
const drawing = readFileSync(join(icons, "keepwell.svg"), "utf8");
const smallDrawing = readFileSync(join(icons, "keepwell-small.svg"), "utf8");
// macOS leaves a margin around its tiles: 824 of 1024. The drawing's own tile is 960 of 1024.
const macosDrawing = drawing.replace('viewBox="0 0 1024 1024"', 'viewBox="-84.5 -84.5 1193 1193"');

function render(svg, sizePixels) {
  return execFileSync("rsvg-convert", ["-w", String(sizePixels), "-h", String(sizePixels)], { input: svg });
}

/** Up to 24 pixels there is a drawing whose edges lie on whole pixels. */
function drawingFor(sizePixels) {
  return sizePixels <= 24 ? smallDrawing : drawing;
}

function ico(sizes) {
  const images = sizes.map((size) => render(drawingFor(size), size));
  const head = Buffer.alloc(6 + 16 * sizes.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(sizes.length, 4);
  let offset = head.length;
  sizes.forEach((size, index) => {
    const at = 6 + 16 * index;
    head.writeUInt8(size % 256, at); // 256 is written as 0
    head.writeUInt8(size % 256, at + 1);
    head.writeUInt16LE(1, at + 4);
    head.writeUInt16LE(32, at + 6);
    head.writeUInt32LE(images[index].length, at + 8);
    head.writeUInt32LE(offset, at + 12);
    offset += images[index].length;
  });
  return Buffer.concat([head, ...images]);
}

function icns(entries) {
  const parts = entries.map(([type, size]) => {
    const image = render(macosDrawing, size);
    const head = Buffer.alloc(8);
    head.write(type, 0, "latin1");
    head.writeUInt32BE(image.length + 8, 4);
    return Buffer.concat([head, image]);
  });
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.write("icns", 0, "latin1");
  head.writeUInt32BE(body.length + 8, 4);
  return Buffer.concat([head, body]);
}

mkdirSync(join(icons, "png"), { recursive: true });
for (const size of [16, 24, 32, 48, 64, 128, 256, 512, 1024]) {
  writeFileSync(join(icons, "png", `${size}.png`), render(drawingFor(size), size));
}
writeFileSync(join(icons, "tray-template.png"), render(readFileSync(join(icons, "tray-template.svg"), "utf8"), 44));
writeFileSync(join(icons, "icon.ico"), ico([16, 24, 32, 48, 64, 128, 256]));
writeFileSync(
  join(icons, "icon.icns"),
  icns([
    ["icp4", 16],
    ["icp5", 32],
    ["icp6", 64],
    ["ic07", 128],
    ["ic08", 256],
    ["ic09", 512],
    ["ic10", 1024],
    ["ic11", 32],
    ["ic12", 64],
    ["ic13", 256],
    ["ic14", 512],
  ]),
);
process.stdout.write("icons/ is up to date\n");
