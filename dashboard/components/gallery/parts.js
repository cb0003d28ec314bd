// The pieces a tile is made of. Loaded before gallery.js, into the same module.
// Text is only ever set through textContent and value.
const THUMB = /^\/thumb\/[A-Za-z0-9_-]+\/[0-9a-f]{32}\.webp$/;
const ICONS = { // strokes on a 16 × 16 ground
  keep: "M3 8.5 6.5 12 13 4.5",
  drop: "M4 4l8 8M12 4l-8 8",
  relabel: "M3 13l.6-2.8L10.9 3l2.1 2.1-7.2 7.3z",
  unsure: "M5.6 6a2.4 2.4 0 1 1 3.5 2.1C8.3 8.6 8 9 8 9.8M8 12.6v.2",
  open: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3l3.2 3.2",
  absent: "M2.5 3.5h11v9h-11zM2.5 10.5l3-3 4.5 4.5M10.5 6.2v.1M1.5 1.5l13 13",
};

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function icon(name) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 16 16");
  made.setAttribute("aria-hidden", "true");
  made.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  made.append(path);
  return made;
}

function picture(url) {
  const absent = () => {
    const made = element("span", "absent");
    made.append(icon("absent"), element("span", null, "Picture not available"));
    return made;
  };
  if (!THUMB.test(url)) return absent();
  const image = element("img");
  image.alt = "";
  image.loading = "lazy";
  image.decoding = "async";
  image.addEventListener("error", () => image.replaceWith(absent()), { once: true });
  image.src = url;
  return image;
}

function track(name, value, scale) {
  const side = value < 0 ? "hurts" : "helps";
  const made = element("span", "track"), fill = element("span", `fill ${side}`);
  fill.style.width = `${50 * Math.min(1, Math.abs(value) / (scale || 1))}%`;
  made.append(fill);
  made.title = `${name}: ${side}, ${Number(value).toExponential(1)} nats`;
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", made.title);
  return made;
}

function isDark(color) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = color;
  const hex = probe.fillStyle.slice(1);
  const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}
