// Steps of a graph and its chart light up together, and the arrow keys walk
// from node to node.
function mark(name) {
  for (const el of document.querySelectorAll("[data-step]")) el.classList.toggle("is-hover", name !== "" && el.dataset.step === name);
}

const centred = new WeakSet();

// centre scrolls what is chosen into the middle of a drawing that is new and
// larger than its box, without moving the page.
function centre() {
  for (const box of document.querySelectorAll("[data-centre]")) {
    if (centred.has(box)) continue;
    centred.add(box);
    const chosen = box.querySelector('[aria-current="true"]');
    if (!chosen) continue;
    const here = chosen.getBoundingClientRect();
    const frame = box.getBoundingClientRect();
    box.scrollLeft += here.left + here.width / 2 - frame.left - frame.width / 2;
    box.scrollTop += here.top + here.height / 2 - frame.top - frame.height / 2;
  }
}

let started = false;

export function startGraph() {
  centre();
  if (started) return;
  started = true;
  const over = (event) => mark(event.target.closest?.("[data-step]")?.dataset.step ?? "");
  document.addEventListener("pointerover", over);
  document.addEventListener("focusin", over);
  document.addEventListener("keydown", (event) => {
    const here = event.target.closest?.("svg.graph a[data-step]");
    if (!here || !event.key.startsWith("Arrow")) return;
    const all = [...here.closest("svg").querySelectorAll("a[data-step]")];
    const step = event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : -1;
    event.preventDefault();
    all[(all.indexOf(here) + step + all.length) % all.length].focus();
  });
}
