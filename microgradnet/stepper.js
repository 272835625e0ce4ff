"use strict";
// The position runs from 0, where only the leaves have numbers, over the operations of the forward
// pass to the seed, the gradient of the root, and from there over the contributions to gradients.
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const {names} = data;
const forward = data.forward.map(([z, operands, line, words]) => ({z, operands, line, words}));
const backward = data.backward.map(
  ([z, v, i, local, upstream, flow, old, sum, partial, words, kind, share, sign, width]) => ({
    z, v, words, old, sum, partial, sign, width, key: `${z}-${i}`, cell: [sum, kind, share],
    numbers: `${local} × ${upstream} = ${flow}`,
  }));
const [root, ...rest] = data.root, rootCell = ["1", ...rest];
const seed = forward.length + 1, end = seed + backward.length;
const gradient = (i) => data.loose[i] ? ["(", i, ").grad"] : [i, ".grad"];
const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

// ---- the picture --------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
const [TITLE, NUMBERS] = data.rows, ROUND = 5;  // a card's rows and corners

function make(parent, name, attributes, text) {
  const element = parent.appendChild(document.createElementNS(SVG, name));
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
}

const graph = make($("pane"), "svg", {id: "graph", role: "img", viewBox: data.view});
const [, , wide, high] = data.view.split(" ").map(Number);
const picture = make(graph, "title", {});
const moved = make(graph, "g", {transform: `translate(${data.shift})`});
const halos = ["operand", "operand", "node"].map(
  (kind) => make(moved, "rect", {class: `halo ${kind}`, rx: 9}));
const edges = new Map(data.edges.map(([key, path, arrow, label]) => {
  const edge = make(moved, "g", {class: "edge", id: `e${key}`});
  const line = make(edge, "path", {d: path});
  make(edge, "polygon", {points: arrow});
  return [key, {parts: [edge], line, label}];
}));
for (const {parts, label} of edges.values()) {  // above all edges
  if (label) parts.push(make(moved, "text", {class: "local", x: label[0], y: label[1]}, label[2]));
}
const cards = data.cards.map(drawCard);

function mark(key, kind, yes) {
  for (const part of edges.get(key).parts) part.classList.toggle(kind, yes);
}

function drawCard([kind, title, op, height, split, left, top, width], i) {
  const place = `translate(${left} ${top})`, row = height - NUMBERS, line = row + 0.69 * NUMBERS;
  const [right, bottom] = [width - ROUND, height - ROUND];
  const card = make(moved, "g", {class: `card ${kind}`, id: `n${i}`, transform: place});
  make(card, "title", {}, `${names[i]} = ${data.exact[i]}`);
  make(card, "rect", {class: "face", width, height, rx: ROUND});
  if (title) {
    const corners = `V${ROUND}Q0 0 ${ROUND} 0H${right}Q${width} 0 ${width} ${ROUND}`;
    make(card, "path", {class: "head", d: `M0 ${row}${corners}V${row}z`});
    const name = make(card, "text", {class: "name", x: width / 2, y: 0.69 * TITLE}, title);
    make(name, "tspan", {class: "op"}, op);
  }
  let cell = null, grad = null;
  if (split < width) {
    const above = title ? `H${width}` : `H${right}Q${width} 0 ${width} ${ROUND}`;
    const below = `V${bottom}Q${width} ${height} ${right} ${height}`;
    cell = make(card, "path", {class: "cell", d: `M${split} ${row}${above}${below}H${split}z`});
    const across = title ? `M0 ${row}H${width}` : "";
    make(card, "path", {class: "rule", d: `${across}M${split} ${row}V${height}`});
    grad = make(card, "text", {class: "grad", x: (split + width) / 2, y: line}, "grad ·");
  }
  make(card, "rect", {class: "frame", width, height, rx: ROUND});
  const number = make(card, "text", {class: "data", x: split / 2, y: line}, data.data[i]);
  return {card, cell, grad, number, box: [left, top, width, height]};
}

// ---- what a step changes, and takes back --------------------------------------------------------

const NONE = ["·", "", 1], ZERO = ["0", "zero", 1];
const shown = new Map([[root, rootCell]]);
for (const step of backward) {
  step.before = shown.get(step.v) ?? NONE;
  shown.set(step.v, step.cell);
}

function setNumber(i, known) {
  cards[i].number.textContent = known ? data.data[i] : "·";
  cards[i].card.classList.toggle("todo", !known);
}

function setGradient(i, [text, kind, share]) {
  const {cell, grad} = cards[i];
  grad.textContent = `grad ${text}`;
  cell.setAttribute("class", `cell ${kind}`);
  cell.setAttribute("fill-opacity", share);
}

function change(at, done) {
  if (at < seed) {
    const {z, operands} = forward[at - 1];
    setNumber(z, done);
    operands.forEach((_, i) => mark(`${z}-${i}`, "done", done));
  } else if (at === seed) {
    graph.setAttribute("class", done ? "backward" : "forward");
    setGradient(root, done ? rootCell : NONE);
  } else {
    const {v, key, cell, before, sign, width} = backward[at - seed - 1];
    setGradient(v, done ? cell : before);
    mark(key, "walked", done);
    mark(key, sign, done);
    edges.get(key).line.style.strokeWidth = done ? width : "";
  }
  if (at === end) for (const i of data.unreached) setGradient(i, done ? ZERO : NONE);
}

// ---- what is said of a step ---------------------------------------------------------------------

function told(at) {  // numbers in a line stand for names
  if (at === 0) {
    return {line: ["start"], words: "The inputs and parameters have their numbers. Forward " +
      `computes ${plural(forward.length, "operation")}, each after its operands.`};
  }
  if (at < seed) {
    const {z, operands, line, words} = forward[at - 1];
    return {node: z, operands, edges: operands.map((_, i) => `${z}-${i}`), line, words};
  }
  if (at === seed) {
    const name = names[root];
    return {node: root, line: [...gradient(root), " = 1"], words:
      `${name} is ${data.data[root]}. Backward starts here: the derivative of ${name} by itself is 1.`};
  }
  const {z, v, key, numbers, old, sum, partial, words} = backward[at - seed - 1];
  return {
    node: z, operands: [v], edges: [key], words, change: `${old} → ${sum}`,
    line: [...gradient(v), " += d(", z, ")/d(", v, ") × ", ...gradient(z), ` = ${numbers}`],
    formula: ["d(", z, ")/d(", v, `) = ${partial}`],
  };
}

function brief(at) {  // for the list
  const plain = (i) => gradient(i).map((part) => names[part] ?? part).join("");
  if (at === 0) return "start: inputs and parameters";
  if (at < seed) return `${names[forward[at - 1].z]} = ${data.data[forward[at - 1].z]}`;
  if (at === seed) return `start: ${plain(root)} = 1`;
  const {v, numbers} = backward[at - seed - 1];
  return `${plain(v)} += ${numbers}`;
}

function breakable(text) {  // a text that may break in layers.0.w, and in no number: as nodes
  const ends = /[^\d\s]\.(?!grad)(?=\w)|\.(?!grad|[\d\s])|[_/](?=\w)/g;
  const parts = text.replace(ends, "$&\n").split("\n");
  return parts.flatMap((part, i) => i ? [document.createElement("wbr"), part] : [part]);
}

function write(element, line = [], node) {
  element.replaceChildren(...line.flatMap((part) => {
    if (typeof part === "string") return breakable(part);
    const span = document.createElement("span");
    span.className = part === node ? "node" : "operand";
    span.append(...breakable(names[part]));
    return span;
  }));
}

function say(at) {
  const {line, node, formula, words, change} = told(at);
  write($("equation"), line, node);
  write($("formula"), formula, node);
  $("words").textContent = words;
  $("change").textContent = change ?? "";
  $("change").hidden = !change;
  $("source").textContent = data.lines[node] ?? "";
}

const place = (at) => at < seed
  ? ["forward", at, forward.length] : ["backward", at - seed, backward.length];
const hash = (at) => at < seed ? `#f${at}` : `#${at - seed}`;

function read(text) {  // the position of a hash; null where it is none
  const found = /^#(f?)(\d+)$/.exec(text);
  if (!found) return null;
  const at = Number(found[2]) + (found[1] ? 0 : seed);
  return at <= (found[1] ? seed - 1 : end) ? at : null;
}

// ---- going to a step ----------------------------------------------------------------------------

const items = [];
const lengths = backward.map(
  ({z, v, words}) => words.length + 3 * names[z].length + 3 * names[v].length);
const longest = seed + (backward.length ? 1 + lengths.indexOf(Math.max(...lengths)) : 0);
let now = 0, marked = [], timer = null, linking = null;

function go(to, link = true) {
  to = Math.max(0, Math.min(end, to));
  const near = Math.abs(to - now) < 2;
  while (now < to) change(++now, true);
  while (now > to) change(now--, false);
  const step = told(now), [pass, number, count] = place(now);
  const operands = [...new Set(step.operands ?? [])];

  for (const key of marked) mark(key, "now", false);
  marked = step.edges ?? [];
  for (const key of marked) mark(key, "now", true);
  ring(halos[0], operands[0]);
  ring(halos[1], operands[1]);
  ring(halos[2], step.node);

  say(now);
  $("said").scrollTop = 0;
  $("gives").textContent = pass === "forward" ? "is computed" : "passes its gradient on";
  $("gets").textContent = pass === "forward" ? "its operands" : "receives";

  const label = `${pass} ${number} / ${count}`;
  $("label").textContent = label;
  $("slider").value = now;
  $("slider").setAttribute("aria-valuetext", `${label}: ${brief(now)}`);
  for (const id of ["first", "previous"]) $(id).setAttribute("aria-disabled", now === 0);
  for (const id of ["next", "last"]) $(id).setAttribute("aria-disabled", now === end);
  $("steps").querySelector("[aria-current]")?.removeAttribute("aria-current");
  items[now].setAttribute("aria-current", "step");
  into($("steps"), items[now]);
  follow(pass === "forward" ? [step.node, ...operands] : [...operands, step.node], near);
  clearTimeout(linking);
  // After a rest: it costs 10 ms, and Safari refuses more than a hundred in half a minute.
  // A notebook's frame has no address of its own.
  if (link && location.protocol !== "about:") {
    linking = setTimeout(() => history.replaceState(null, "", hash(now)), 350);
  }
}

function ring(halo, i) {
  halo.classList.toggle("on", i !== undefined);
  if (i === undefined) return;
  const [x, y, width, height] = cards[i].box;
  const sizes = {x: x - 5, y: y - 5, width: width + 10, height: height + 10};
  for (const key in sizes) halo.setAttribute(key, sizes[key]);
}

function into(list, item) {  // not scrollIntoView, which would scroll the page too
  const top = item.offsetTop - list.scrollTop, bottom = top + item.offsetHeight;
  if (top > 40 && bottom < list.clientHeight) return;
  list.scrollTop += (top + bottom - list.clientHeight) / 2;
}

function reserve() {  // room for the longest step, so that the picture stays where it is
  $("said").style.minHeight = "";
  say(longest);
  $("said").style.minHeight = `${$("said").offsetHeight}px`;
  say(now);
}

function play(on) {
  clearTimeout(timer);
  if (on && now === end) go(0);
  timer = on ? setTimeout(tick, $("speed").value) : null;
  $("play").querySelector("span").textContent = on ? "Pause" : "Play";
  const icon = on ? "M3 2h4v12H3zM9 2h4v12H9z" : "M4 2v12l9-6z";
  $("play").querySelector("path").setAttribute("d", icon);
  $("play").setAttribute("aria-label", on ? "pause" : "play");
  $("words").setAttribute("aria-live", on ? "off" : "polite");  // it would speak without an end
}

function tick() {
  go(now + 1);
  play(now < end);
}

// ---- zoom ---------------------------------------------------------------------------------------

const pane = $("pane"), MARGIN = 24, SMALLEST = 0.05, LARGEST = 4, SMALL = 0.7, READABLE = 0.85;
const still = matchMedia("(prefers-reduced-motion: reduce)");
let zoom = 1, fitted = true, stepped = 0;

function whole() {
  return Math.min((pane.clientWidth - MARGIN) / wide, (pane.clientHeight - MARGIN) / high, 2);
}

function scale(to, x = pane.clientWidth / 2, y = pane.clientHeight / 2) {
  const old = graph.getBoundingClientRect(), frame = pane.getBoundingClientRect();
  const along = (frame.left + x - old.left) / old.width;
  const down = (frame.top + y - old.top) / old.height;
  zoom = Math.max(SMALLEST, Math.min(LARGEST, to));
  graph.style.width = `${wide * zoom}px`;
  graph.style.height = `${high * zoom}px`;
  pane.scrollLeft += graph.getBoundingClientRect().left + along * wide * zoom - frame.left - x;
  pane.scrollTop += graph.getBoundingClientRect().top + down * high * zoom - frame.top - y;
  magnify();
}

function fit() {
  fitted = true;
  scale(whole());
}

function follow(indices, smoothly) {  // scroll to cards; to the first, where all have no room
  const {scrollLeft, scrollTop, clientWidth, clientHeight} = pane;
  const since = performance.now() - stepped;
  stepped += since;
  // A glide that is under way would end at the last step's cards.
  if (since < 500) pane.scrollTo({left: scrollLeft, top: scrollTop, behavior: "instant"});
  indices = indices.filter((i) => i !== undefined);
  if (!indices.length) indices = forward.length ? [forward[0].z, ...forward[0].operands] : [root];
  let [left, top, right, bottom] = around(indices);
  if (right - left > clientWidth || bottom - top > clientHeight) {
    [left, top, right, bottom] = around(indices.slice(0, 1));
  }
  const middle = (top + bottom) / 2;
  if (left >= 0 && top >= 0 && right <= clientWidth && bottom <= clientHeight) {
    magnify(middle);
    return;
  }
  const glide = smoothly && since >= 500 && !still.matches;
  const down = Math.max(
    -scrollTop, Math.min(middle - clientHeight / 2, pane.scrollHeight - clientHeight - scrollTop));
  pane.scrollBy({
    left: (left + right - clientWidth) / 2, top: down, behavior: glide ? "smooth" : "instant",
  });
  magnify(middle - down);
}

function around(indices) {  // the sides of what holds these cards, in the pane
  const outer = graph.getBoundingClientRect(), frame = pane.getBoundingClientRect();
  const start = [outer.left - frame.left, outer.top - frame.top];
  const boxes = indices.map((i) => cards[i].box);
  const side = (k, far) => start[k] + data.shift[k] * zoom + (far
    ? Math.max(...boxes.map((box) => box[k] + box[k + 2])) * zoom + 12
    : Math.min(...boxes.map((box) => box[k])) * zoom - 12);
  return [side(0), side(1), side(0, true), side(1, true)];
}

// ---- the lens -----------------------------------------------------------------------------------

// The current cards at a size to read, over a graph that is too small, or too large to show them.
const lens = $("lens"), GAP = 90, ROW = 16, RIM = 14, LEGIBLE = 0.45;

function magnify(middle) {  // where they are in the pane: the lens goes to its other half
  pane.classList.toggle("far", zoom < LEGIBLE);
  const {node, operands = [], edges: keys = []} = told(now), left = [...new Set(operands)];
  const unseen = node !== undefined && (zoom < SMALL || !together([node, ...left]));
  lens.toggleAttribute("hidden", !unseen);
  lens.replaceChildren();
  if (!unseen) return;
  const boxes = left.map((i) => cards[i].box), [, , width, height] = cards[node].box;
  const across = Math.max(0, ...boxes.map((box) => box[2]));
  const tall = boxes.reduce((sum, box) => sum + box[3] + ROW, -ROW);
  const x = left.length ? across + GAP : 0, most = Math.max(tall, height);
  const middles = new Map();
  let y = (most - tall) / 2;
  for (const [k, i] of left.entries()) {
    enlarge(i, "operand", across - boxes[k][2], y);
    middles.set(i, y + boxes[k][3] / 2);
    y += boxes[k][3] + ROW;
  }
  enlarge(node, "node", x, (most - height) / 2);
  const [from, to, centre, end] = [across + 8, x - 8, (across + x) / 2, most / 2];
  for (const [i, start] of middles) {
    const edge = make(lens, "g", {class: "edge now"});
    const curve = `C${centre} ${start} ${centre} ${end} ${to - 9} ${end}`;
    make(edge, "path", {d: `M${from} ${start}${curve}`});
    make(edge, "polygon", {points: `${to - 9},${end - 5} ${to},${end} ${to - 9},${end + 5}`});
  }
  const label = now > seed && edges.get(keys[0]).label;
  if (label) make(lens, "text", {class: "local now", x: centre, y: end - 9}, label[2]);
  const sizes = [x + width + 2 * RIM, most + 2 * RIM];
  lens.setAttribute("viewBox", `${-RIM} ${-RIM} ${sizes.join(" ")}`);
  lens.setAttribute("width", sizes[0]);
  const [, top, , bottom] = around([node, ...left]);
  lens.classList.toggle("above", (middle ?? (top + bottom) / 2) > pane.clientHeight / 2);
}

function together(indices) {
  const [left, top, right, bottom] = around(indices);
  return right - left <= pane.clientWidth && bottom - top <= pane.clientHeight;
}

function enlarge(i, kind, x, y) {
  const [, , width, height] = cards[i].box;
  const place = {x: x - 5, y: y - 5, width: width + 10, height: height + 10};
  make(lens, "rect", {class: `halo on ${kind}`, rx: 9, ...place});
  const card = lens.appendChild(cards[i].card.cloneNode(true));
  card.removeAttribute("id");
  card.setAttribute("transform", `translate(${x} ${y})`);
}

// ---- what the reader does -----------------------------------------------------------------------

function on(id, act) {
  $(id).addEventListener("click", (event) => {
    act();
    if (event.detail) event.currentTarget.blur();  // after the mouse, space plays: no click again
  });
}

function step(to) {
  play(false);
  go(to);
}

on("first", () => step(0));
on("previous", () => step(now - 1));
on("play", () => play(timer === null));
on("next", () => step(now + 1));
on("last", () => step(end));
on("smaller", () => { fitted = false; scale(zoom / 1.25); });
on("larger", () => { fitted = false; scale(zoom * 1.25); });
on("fit", fit);
$("slider").addEventListener("input", () => step(Number($("slider").value)));
$("speed").addEventListener("change", () => { if (timer !== null) play(true); });

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const kind = event.target.tagName, range = kind === "INPUT";
  const to = {ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: end}[event.key];
  if (kind === "SELECT" || (range && to !== undefined)) return;  // they have their own keys
  if (event.key === " " && kind !== "BUTTON") event.repeat || play(timer === null);
  else if (to !== undefined) step(to);
  else return;
  event.preventDefault();
});

addEventListener("hashchange", () => {
  const to = read(location.hash);
  if (to !== null) { play(false); go(to, false); }
});

pane.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;  // a pinch on a touchpad comes as one too
  event.preventDefault();
  const frame = pane.getBoundingClientRect();
  const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
  fitted = false;
  scale(zoom * Math.exp(-event.deltaY / 300), x, y);
}, {passive: false});

let pinch = null;
function fingers([one, two]) {
  const frame = pane.getBoundingClientRect();
  return [Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY),
    (one.clientX + two.clientX) / 2 - frame.left, (one.clientY + two.clientY) / 2 - frame.top];
}
pane.addEventListener("touchstart", (event) => {
  pinch = event.touches.length === 2 ? {zoom, apart: fingers(event.touches)[0]} : null;
}, {passive: true});
pane.addEventListener("touchmove", (event) => {
  if (!pinch || event.touches.length !== 2) return;
  event.preventDefault();
  const [apart, x, y] = fingers(event.touches);
  fitted = false;
  scale(pinch.zoom * apart / pinch.apart, x, y);
}, {passive: false});

pane.addEventListener("pointerdown", (event) => {
  if (event.pointerType !== "mouse" || event.button !== 0) return;
  if (event.offsetX > pane.clientWidth && event.target === pane) return;  // the scroll bar
  pane.setPointerCapture(event.pointerId);
  pane.classList.add("dragged");
});
pane.addEventListener("pointermove", (event) => {
  if (pane.classList.contains("dragged")) pane.scrollBy(-event.movementX, -event.movementY);
});
for (const kind of ["pointerup", "pointercancel"]) {
  pane.addEventListener(kind, () => pane.classList.remove("dragged"));
}

const dark = matchMedia("(prefers-color-scheme: dark)");
let chosen = false;
function theme(isDark) {
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  $("theme").textContent = isDark ? "Light" : "Dark";
  $("theme").setAttribute("aria-label", `${$("theme").textContent} colours`);
}
dark.addEventListener("change", () => { if (!chosen) theme(dark.matches); });
on("theme", () => {
  chosen = true;
  theme(document.documentElement.dataset.theme !== "dark");
});

// ---- the start ----------------------------------------------------------------------------------

function list(title, from, to) {
  const head = $("steps").appendChild(document.createElement("h2"));
  head.textContent = title;
  const ol = $("steps").appendChild(document.createElement("ol"));
  for (let at = from; at <= to; at++) {
    const item = ol.appendChild(document.createElement("li"));
    const button = item.appendChild(document.createElement("button"));
    button.type = "button";
    button.appendChild(document.createElement("b")).textContent = place(at)[1];
    button.appendChild(document.createElement("span")).append(...breakable(brief(at)));
    button.setAttribute("aria-label", `${place(at)[1]} ${brief(at)}`);
    button.addEventListener("click", (event) => {
      step(at);
      if (event.detail) button.blur();
    });
    items.push(button);
  }
}

theme(dark.matches);
document.title = $("title").textContent = `Backpropagation of ${names[root]}`;
$("counts").textContent = [plural(names.length, "value"), plural(forward.length, "operation"),
  plural(backward.length, "contribution")].join(", ");
picture.textContent = `The computation graph of ${names[root]}: ${$("counts").textContent}`;
list("Forward", 0, seed - 1);
list("Backward", seed, end);
$("slider").max = end;
graph.setAttribute("class", "forward");
for (const {z} of forward) setNumber(z, false);
reserve();
fit();
if (zoom < SMALL) {
  fitted = false;
  scale(READABLE, 0, 0);
}
go(read(location.hash) ?? 0, false);
new ResizeObserver(() => { if (fitted) fit(); }).observe(pane);
addEventListener("resize", reserve);
