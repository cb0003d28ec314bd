// Numbers of the map: bytes that came as text, areas as text, what lies inside. Loaded first, into the same module.
const SIDE = 65535;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CORNER_STEP = 17, CORNER_START = -2047.5, MOST_CORNERS = 64;

function bytesOf(text) { return Uint8Array.from(atob(text), (one) => one.charCodeAt(0)); }

async function unpacked(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function cornersOf(area) {
  const corners = [];
  for (let at = 0; at + 4 <= area.length; at += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((next) => DIGITS.indexOf(area[at + next]));
    corners.push([CORNER_STEP * (64 * a + b) + CORNER_START, CORNER_STEP * (64 * c + d) + CORNER_START]);
  }
  return corners;
}

// At most MOST_CORNERS of the corners, evenly chosen along the way.
function areaOf(corners) {
  const step = Math.max(1, corners.length / MOST_CORNERS);
  const kept = [];
  for (let at = 0; at < corners.length && kept.length < MOST_CORNERS; at += step) kept.push(corners[Math.floor(at)]);
  return kept.flat().map((one) => {
    const number = Math.max(0, Math.min(4095, Math.round((one - CORNER_START) / CORNER_STEP)));
    return DIGITS[number >> 6] + DIGITS[number & 63];
  }).join("");
}

function isInside(x, y, corners) {
  let found = false;
  for (let at = 0; at < corners.length; at++) {
    const [x1, y1] = corners[at], [x2, y2] = corners[(at + 1) % corners.length];
    if ((y1 > y) !== (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) found = !found;
  }
  return found;
}

// Where the map is on the screen: pixel = offset + scale · point; y grows upwards on the map.
class View {
  constructor() { this.zoom = 1; this.middle = [SIDE / 2, SIDE / 2]; this.width = this.height = 1; }
  get scale() {
    const least = Math.min(this.height, this.width) * 0.94 / SIDE;
    return [this.zoom * Math.min(this.width * 0.94 / SIDE, 1.5 * least), this.zoom * least];
  }
  toScreen(x, y) {
    const [sx, sy] = this.scale;
    return [this.width / 2 + (x - this.middle[0]) * sx, this.height / 2 - (y - this.middle[1]) * sy];
  }
  toMap(px, py) {
    const [sx, sy] = this.scale;
    return [this.middle[0] + (px - this.width / 2) / sx, this.middle[1] - (py - this.height / 2) / sy];
  }
  zoomAt(px, py, factor) {
    const before = this.toMap(px, py);
    this.zoom = Math.max(1, Math.min(60, this.zoom * factor));
    const after = this.toMap(px, py);
    this.pan(before[0] - after[0], before[1] - after[1]);
  }
  pan(dx, dy) {
    this.middle = [this.middle[0] + dx, this.middle[1] + dy].map((one) => Math.max(0, Math.min(SIDE, one)));
    if (this.zoom === 1) this.middle = [SIDE / 2, SIDE / 2];
  }
}
