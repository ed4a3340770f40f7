// Five linked panels of one face, drawn from the numbers: zoom, opacity, colour maps, scale, outlines, values.
import { keysOn, helpDialog, typing } from "./keys.js";

const at = (id) => document.getElementById(id);
const raw = at("viewer-data");
if (raw) start(JSON.parse(raw.textContent));

async function start(data) {
  const [values, regions, tables, face] = await Promise.all([
    octets(data.values).then((buffer) => new Float32Array(buffer)),
    octets(data.regions).then((buffer) => new Uint8Array(buffer)).catch(() => null),
    fetch(data.maps).then((answer) => answer.json()),
    picture(data.face),
  ]).catch(() => { at("reading").textContent = "The maps did not arrive. Reload the page."; return []; });
  if (!values) return;
  const size = data.size, pixels = size * size;
  const a = values.subarray(0, pixels), b = values.subarray(pixels, 2 * pixels);
  const lookup = Object.fromEntries(Object.entries(tables).map(([name, text]) => [name, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const view = { zoom: 1, x: 0.5, y: 0.5, large: null, pointer: null };
  at("signed").value = dark.matches ? "berlin" : "RdBu_r";
  at("scope").value = data.scope;

  const panels = ["face", "a", "b", "a-over-b", "b-over-a"].map((id) => at(`panel-${id}`).querySelector("canvas"));
  const grey = greyOf(face, size);
  const edges = regions ? outlinesOf(regions, size) : null;
  let layers = [];

  const scale = () => data.scales[at("scope").value];
  function colour() {
    const { maps, difference } = scale();
    const signed = lookup[at("signed").value], oneSided = lookup[at("one-sided").value];
    layers = [
      null,
      layer(size, (i) => a[i] / maps, signed, true),
      layer(size, (i) => b[i] / maps, signed, true),
      layer(size, (i) => (a[i] - b[i]) / difference, oneSided, false),
      layer(size, (i) => (b[i] - a[i]) / difference, oneSided, false),
    ];
    bar(at("bar-signed"), signed);
    bar(at("bar-one-sided"), oneSided);
    const scope = at("scope").value === "face" ? "of this face" : "common to all faces";
    at("signed-told").textContent = `A, B: −${short(maps)} to +${short(maps)} ${data.unit}, ${scope}`;
    at("one-sided-told").textContent = `differences: 0 to ${short(difference)} ${data.unit}, ${scope}`;
    draw();
  }

  function draw() {
    const opacity = at("opacity").value / 100, ratio = window.devicePixelRatio || 1;
    panels.forEach((canvas, number) => {
      const side = Math.max(1, Math.round(canvas.clientWidth * ratio));
      if (canvas.width !== side) canvas.width = canvas.height = side;
      const context = canvas.getContext("2d");
      const part = size / view.zoom;
      const left = view.x * size - part / 2, top = view.y * size - part / 2;
      const place = (image, alpha) => { context.globalAlpha = alpha; context.drawImage(image, left, top, part, part, 0, 0, side, side); };
      context.imageSmoothingEnabled = true; // a face is no map: its pixels are not what is measured
      context.clearRect(0, 0, side, side);
      if (number === 0) place(face, 1);
      else { if (opacity < 1) place(grey, 1); context.imageSmoothingEnabled = at("smooth").checked; place(layers[number], opacity); }
      context.globalAlpha = 1;
      const k = side / part;
      if (edges && at("outlines").checked) stroke(context, edges, left, top, k, ratio);
      if (view.pointer) cross(context, (view.pointer.x - left) * k, (view.pointer.y - top) * k, side, ratio);
    });
    at("zoom-told").textContent = `${short(view.zoom)}×`;
    at("opacity-told").textContent = `${at("opacity").value} %`;
  }

  let asked = false;
  const soon = () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw(); }); } };

  function zoomTo(zoom, x = view.x, y = view.y) {
    view.zoom = Math.min(16, Math.max(1, zoom));
    const half = 0.5 / view.zoom;
    view.x = Math.min(1 - half, Math.max(half, x));
    view.y = Math.min(1 - half, Math.max(half, y));
    soon();
  }
  const spot = (canvas, event) => {
    const box = canvas.getBoundingClientRect(), part = 1 / view.zoom;
    return { x: view.x - part / 2 + (event.clientX - box.left) / box.width * part, y: view.y - part / 2 + (event.clientY - box.top) / box.height * part };
  };
  for (const canvas of panels) {
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const before = spot(canvas, event), zoom = Math.min(16, Math.max(1, view.zoom * Math.exp(-event.deltaY / 300)));
      const keep = view.zoom / zoom; // the point under the pointer stays where it is
      zoomTo(zoom, before.x + (view.x - before.x) * keep, before.y + (view.y - before.y) * keep);
    }, { passive: false });
    let held = null;
    canvas.addEventListener("pointerdown", (event) => { held = { x: event.clientX, y: event.clientY }; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointerup", () => { held = null; });
    canvas.addEventListener("pointermove", (event) => {
      if (held && view.zoom > 1) {
        const width = canvas.clientWidth * view.zoom;
        zoomTo(view.zoom, view.x - (event.clientX - held.x) / width, view.y - (event.clientY - held.y) / width);
        held = { x: event.clientX, y: event.clientY };
      }
      const here = spot(canvas, event);
      const x = Math.min(size - 1, Math.max(0, Math.floor(here.x * size))), y = Math.min(size - 1, Math.max(0, Math.floor(here.y * size)));
      view.pointer = { x: x + 0.5, y: y + 0.5 };
      const i = y * size + x, region = regions ? data.names[regions[i]] : "";
      at("reading").textContent = `x ${x}  y ${y}  ${region.padEnd(8)}  A ${sign(a[i])}  B ${sign(b[i])}  A−B ${sign(a[i] - b[i])}`;
      soon();
    });
    canvas.addEventListener("pointerleave", () => { view.pointer = null; soon(); });
    canvas.addEventListener("dblclick", () => enlarge(panels.indexOf(canvas)));
  }

  function enlarge(number) {
    view.large = view.large === number ? null : number;
    at("panels").classList.toggle("enlarged", view.large !== null);
    panels.forEach((canvas, i) => canvas.parentElement.classList.toggle("large", i === view.large));
    soon();
  }
  for (const id of ["signed", "one-sided", "scope"]) at(id).addEventListener("change", colour);
  for (const id of ["outlines", "smooth"]) at(id).addEventListener("change", soon);
  at("opacity").addEventListener("input", soon);
  at("zoom-in").addEventListener("click", () => zoomTo(view.zoom * 1.5));
  at("zoom-out").addEventListener("click", () => zoomTo(view.zoom / 1.5));
  at("zoom-reset").addEventListener("click", () => zoomTo(1, 0.5, 0.5));
  dark.addEventListener("change", () => { at("signed").value = dark.matches ? "berlin" : "RdBu_r"; colour(); });
  new ResizeObserver(soon).observe(at("panels"));
  keys({ zoomTo, view, enlarge, colour, soon });
  colour();
  document.documentElement.dataset.viewer = "ready";
}

function keys({ zoomTo, view, enlarge, colour, soon }) {
  const help = helpDialog();
  at("keys").addEventListener("click", () => help.showModal());
  const opacity = (step) => { at("opacity").value = Number(at("opacity").value) + step; soon(); };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || typing(event.target)) return;
    const go = (id) => at(id)?.click();
    const always = { Escape: () => go("back") };
    if (!event.target.matches("input[type=range]")) { always.ArrowLeft = () => go("previous"); always.ArrowRight = () => go("next"); }
    const single = {
      "+": () => zoomTo(view.zoom * 1.5), "=": () => zoomTo(view.zoom * 1.5), "-": () => zoomTo(view.zoom / 1.5), 0: () => zoomTo(1, 0.5, 0.5),
      "[": () => opacity(-10), "]": () => opacity(10),
      o: () => { at("opacity").value = Number(at("opacity").value) < 100 ? 100 : 60; soon(); },
      c: () => { const list = at("signed"); list.selectedIndex = (list.selectedIndex + 1) % list.length; colour(); },
      r: () => { at("outlines").checked = !at("outlines").checked; soon(); },
      h: () => go("note"), "?": () => help.showModal(),
    };
    for (let n = 1; n <= 5; n++) single[n] = () => enlarge(n - 1);
    const action = always[event.key] ?? (keysOn() ? single[event.key] : undefined);
    if (action && !event.repeat || action && ["+", "-", "[", "]"].includes(event.key)) { event.preventDefault(); action(); }
  });
}

async function octets(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.arrayBuffer();
}

async function picture(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

function canvasOf(size) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  return canvas;
}

function layer(size, valueAt, table, signed) {
  const canvas = canvasOf(size), context = canvas.getContext("2d"), image = context.createImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    const value = Math.min(1, Math.max(-1, valueAt(i) || 0));
    const step = 3 * Math.floor((signed ? (value + 1) / 2 : Math.max(0, value)) * 255 + 0.5);
    image.data.set([table[step], table[step + 1], table[step + 2], 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function greyOf(face, size) {
  const canvas = canvasOf(size), context = canvas.getContext("2d");
  context.filter = "grayscale(1)";
  context.drawImage(face, 0, 0, size, size);
  return canvas;
}

// Borders between pixels of different regions, as segments x1 y1 x2 y2.
function outlinesOf(regions, size) {
  const segments = [];
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) {
    const own = regions[y * size + x];
    if (x + 1 < size && regions[y * size + x + 1] !== own) segments.push(x + 1, y, x + 1, y + 1);
    if (y + 1 < size && regions[(y + 1) * size + x] !== own) segments.push(x, y + 1, x + 1, y + 1);
  }
  return segments;
}

function stroke(context, segments, left, top, k, ratio) {
  context.beginPath();
  for (let i = 0; i < segments.length; i += 4) {
    context.moveTo((segments[i] - left) * k, (segments[i + 1] - top) * k);
    context.lineTo((segments[i + 2] - left) * k, (segments[i + 3] - top) * k);
  }
  context.strokeStyle = "rgb(0 0 0 / .55)"; context.lineWidth = 3 * ratio; context.stroke();
  context.strokeStyle = "rgb(255 255 255 / .95)"; context.lineWidth = 1.25 * ratio; context.stroke();
}

function cross(context, x, y, side, ratio) {
  context.lineWidth = ratio;
  for (const [style, shift] of [["rgb(0 0 0 / .6)", 0], ["rgb(255 255 255 / .8)", ratio]]) {
    context.strokeStyle = style;
    context.beginPath();
    context.moveTo(x + shift, 0); context.lineTo(x + shift, side); context.moveTo(0, y + shift); context.lineTo(side, y + shift);
    context.stroke();
  }
}

function bar(canvas, table) {
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x++) {
    const step = 3 * Math.round(x / (canvas.width - 1) * 255);
    context.fillStyle = `rgb(${table[step]} ${table[step + 1]} ${table[step + 2]})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}

const short = (value) => String(Number(value.toPrecision(3)));
const sign = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toPrecision(3);
