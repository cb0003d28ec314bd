// What every part of ours builds on. Loaded first, into the same module as the part's own files.
// Text is only ever set through textContent and value.
const PICTURE = /^\/(thumb\/[A-Za-z0-9_-]+\/[0-9]{5,7}-[0-9]{9}-[0-9]{6}-[0-9a-f]{16}\.webp|picture\/[A-Za-z0-9_-]+\?pair=[A-Za-z0-9_.~%-]+)$/;
const instances = new WeakMap();

// The one that lives in this place of the page, made by `make(root, data)` when the place is new.
function instanceOf(component, make) {
  const root = component.parentElement;
  if (!instances.has(root)) instances.set(root, make(root, component.data));
  return instances.get(root);
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

const darkness = new Map();

// Whether the part stands on a dark ground.
function isOnDark(host) {
  const color = (getComputedStyle(host).getPropertyValue("--st-background-color") || "#fff").trim();
  if (!darkness.has(color)) darkness.set(color, luminance(color) < 128);
  return darkness.get(color);
}

function luminance(color) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = color;
  const hex = probe.fillStyle.slice(1);
  const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b;
}
