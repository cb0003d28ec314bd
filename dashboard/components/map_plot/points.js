// Points drawn by the graphics card; by the canvas where there is none.
const UNKNOWN = [148, 163, 184];
const LABELS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1", "#b5a300", "#a6563a", "#3f51b5", "#94a3b8"];
const PALETTES = { // ends and middles of scales, or one colour for each number
  light: {
    suspicion: ["#d3dbe4", "#ccd5df", "#c5ced9", "#bcc6d2", "#b3bdc9", "#f0a35e", "#c2410c", "#7c1d06"], influence: ["#c2410c", "#cbd5e1", "#0f766e"],
    labels: LABELS, verdicts: ["#b6c2cf", "#0f766e", "#c2410c", "#1d4ed8", "#6b7280"],
  },
  dark: {
    suspicion: ["#2c3a4b", "#313f51", "#364557", "#3c4b5e", "#445366", "#9a5a22", "#fb923c", "#ffd9b3"], influence: ["#fb923c", "#475569", "#2dd4bf"],
    labels: LABELS.map((one) => (({ "#3f51b5": "#c4b5fd", "#0072b2": "#5b82ff" })[one] || one)),
    verdicts: ["#475569", "#2dd4bf", "#fb923c", "#93c5fd", "#d1d5db"],
  },
};
const VERTEX = `attribute vec2 point; attribute vec4 colour; uniform vec2 scale, shift; uniform float size; varying vec4 tint;
void main() { gl_Position = vec4(point * scale + shift, 0.0, 1.0); gl_PointSize = size; tint = colour; }`;
const FRAGMENT = `precision mediump float; varying vec4 tint;
void main() { float far = length(gl_PointCoord - 0.5); float edge = 1.0 - smoothstep(0.38, 0.5, far);
  gl_FragColor = vec4(tint.rgb, 1.0) * tint.a * edge; }`;

function rgb(hex) { return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)); }

function isScale(palette) { return palette === "suspicion" || palette === "influence"; }

function colourOf(value, palette, stops) {
  if (value === 255) return UNKNOWN;
  if (!isScale(palette)) return stops[Math.min(value, stops.length - 1)];
  const at = (value / 254) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2), part = at - low;
  return stops[low].map((one, channel) => one + part * (stops[low + 1][channel] - one));
}

class Points {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl", { antialias: true });
    if (this.gl) this.prepare();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => { this.prepare(); this.upload(); this.draw(this.last); });
  }

  prepare() {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.program = program;
    this.buffers = { point: gl.createBuffer(), colour: gl.createBuffer() };
  }

  // xy: whole numbers, two a point; values: a byte a point; chosen: whether each lies in the area, null without one.
  set(xy, values, palette, dark, chosen) {
    const count = values.length, stops = PALETTES[dark ? "dark" : "light"][palette].map(rgb);
    const weight = (at) => (values[at] === 255 ? -1 : palette === "influence" ? Math.abs(values[at] - 127) : palette === "labels" ? 0 : values[at]);
    const order = Array.from({ length: count }, (_, at) => at).sort((a, b) => (chosen ? chosen[a] - chosen[b] : 0) || weight(a) - weight(b) || b - a);
    this.xy = new Float32Array(2 * count);
    this.colour = new Uint8Array(4 * count);
    order.forEach((from, to) => {
      this.xy.set([xy[2 * from], xy[2 * from + 1]], 2 * to);
      this.colour.set([...colourOf(values[from], palette, stops), chosen && !chosen[from] ? 100 : 235], 4 * to);
    });
    this.upload();
  }

  upload() {
    if (!this.gl || !this.xy) return;
    const gl = this.gl;
    for (const [name, size, type, normalised, values] of [["point", 2, gl.FLOAT, false, this.xy], ["colour", 4, gl.UNSIGNED_BYTE, true, this.colour]]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
      const at = gl.getAttribLocation(this.program, name);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, type, normalised, 0, 0);
    }
  }

  draw(view) {
    this.last = view;
    if (!this.xy) return;
    const count = this.xy.length / 2, ratio = window.devicePixelRatio || 1;
    const size = Math.max(3.5, Math.min(9, 260 / Math.sqrt(count + 1))) * Math.min(2.2, view.zoom ** 0.4);
    if (!this.gl) { this.drawPlain(view, size); return; }
    const gl = this.gl, [sx, sy] = view.scale, x = (2 * sx) / view.width, y = (2 * sy) / view.height;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(gl.getUniformLocation(this.program, "scale"), x, y);
    gl.uniform2f(gl.getUniformLocation(this.program, "shift"), -view.middle[0] * x, -view.middle[1] * y);
    gl.uniform1f(gl.getUniformLocation(this.program, "size"), size * ratio);
    gl.drawArrays(gl.POINTS, 0, count);
  }

  drawPlain(view, size) {
    const pen = this.canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, view.width, view.height);
    for (let at = 0; at < this.xy.length / 2; at++) {
      const [x, y] = view.toScreen(this.xy[2 * at], this.xy[2 * at + 1]);
      const [r, g, b, alpha] = this.colour.subarray(4 * at, 4 * at + 4);
      pen.fillStyle = `rgba(${r}, ${g}, ${b}, ${alpha / 255})`;
      pen.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }
}
