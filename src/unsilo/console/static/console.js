// Comforts on top of pages that work without script: the provenance drawer, `/` to search, live search, charts.
const drawer = document.getElementById("drawer");
const body = document.getElementById("drawer-body");
let opener = null;

// The original is shown from a little above the value, within its own region; the page stays where it is.
function focusMarks(part) {
  for (const raw of part.querySelectorAll(".raw[data-focus]")) {
    const mark = raw.querySelector("mark:not(.other)");
    if (mark) raw.scrollTop = mark.offsetTop - raw.clientHeight / 3;
  }
}
focusMarks(document);

async function show(link) {
  opener = link;
  body.textContent = "…";
  if (!drawer.open) drawer.showModal();
  try {
    const answer = await fetch(link.href, { headers: { "X-Fragment": "drawer" }, credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = page.querySelector("[data-fragment]") ?? page.querySelector("main");
    if (!answer.ok || !part) { location.assign(link.href); return; }
    body.replaceChildren(document.adoptNode(part));
    focusMarks(body);
  } catch { location.assign(link.href); }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-drawer]");
  if (!link || !drawer?.showModal || event.defaultPrevented) return;
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  show(link);
});
drawer?.addEventListener("close", () => { body.replaceChildren(); opener?.focus(); opener = null; });
drawer?.addEventListener("click", (event) => { if (event.target === drawer) drawer.close(); });

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const box = document.querySelector("input[type=search]");
  event.preventDefault();
  if (box) { box.focus(); box.select(); } else location.assign("/people");
});

for (const box of document.querySelectorAll("[data-confirm]")) {
  box.addEventListener("submit", (event) => { if (!confirm(box.dataset.confirm)) event.preventDefault(); });
}
