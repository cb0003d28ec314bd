// The pieces a tile is made of.
const ICONS = { // strokes on a 16 × 16 ground
  keep: "M3 8.5 6.5 12 13 4.5",
  drop: "M4 4l8 8M12 4l-8 8",
  relabel: "M3 13l.6-2.8L10.9 3l2.1 2.1-7.2 7.3z",
  unsure: "M5.6 6a2.4 2.4 0 1 1 3.5 2.1C8.3 8.6 8 9 8 9.8M8 12.6v.2",
  queue: "M2.5 4h8M2.5 8h5M2.5 12h5M12 7.5v5.5M9.5 10.5 12 13l2.5-2.5",
  open: "M9 3h4v4M13 3 7.5 8.5M11.5 9.5V13H3V4.5h3.5",
  zoom: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3l3.2 3.2M7 5.2v3.6M5.2 7h3.6",
  back: "M10 3.5 5.5 8l4.5 4.5",
  on: "M6 3.5 10.5 8 6 12.5",
  absent: "M2.5 3.5h11v9h-11zM2.5 10.5l3-3 4.5 4.5M10.5 6.2v.1M1.5 1.5l13 13",
};

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

// A button with an icon, a key and a word, each of which may be absent; `name` is what a screen reader says.
function button(className, name, { symbol, key, word, press }) {
  const made = element("button", className);
  made.type = "button";
  made.title = key ? `${name} (key ${key})` : name;
  made.setAttribute("aria-label", name);
  if (key) made.setAttribute("aria-keyshortcuts", key);
  if (symbol) made.append(icon(symbol));
  if (key && symbol) made.append(element("kbd", null, key));
  if (word) made.append(element("span", "word", word));
  made.addEventListener("click", press);
  return made;
}

function absent() {
  const made = element("span", "absent");
  made.append(icon("absent"), element("span", null, "Picture not available"));
  return made;
}

function picture(url, isEager) {
  if (!PICTURE.test(url)) return absent();
  const image = element("img");
  image.alt = "";
  image.draggable = false;
  image.loading = isEager ? "eager" : "lazy";
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

const fetched = new Set(); // addresses asked for ahead of time, once a tab

// Loads the pictures of the next page when the browser has nothing better to do; they stay in its cache.
function prefetch(urls) {
  const waiting = urls.filter((url) => PICTURE.test(url) && !fetched.has(url));
  const whenIdle = window.requestIdleCallback || ((run) => setTimeout(run, 200));
  const next = () => {
    for (const url of waiting.splice(0, 6)) {
      if (fetched.has(url)) continue;
      fetched.add(url);
      const image = new Image();
      image.fetchPriority = "low";
      image.src = url;
    }
    if (waiting.length) whenIdle(next);
  };
  if (waiting.length) whenIdle(next);
}
