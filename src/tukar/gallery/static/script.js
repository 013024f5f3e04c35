// Copy buttons, forms that fold, and states that are followed. Everything on the pages can be read and used without them.
"use strict";

for (const source of document.querySelectorAll("[data-copy]")) {
  const { copyLabel, copiedLabel } = document.body.dataset;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = copyLabel;
  button.addEventListener("click", async () => {
    await copy(source.dataset.copy || source.textContent);
    button.textContent = copiedLabel;
    setTimeout(() => (button.textContent = copyLabel), 2000);
  });
  source.after(button);
}

async function copy(text) {
  // Browsers give pages without TLS no clipboard, except on the same machine.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// Long forms that nobody has begun to fill in are folded where there is little room, until they are asked for.
const folded = [...document.querySelectorAll("[data-fold]")];
if (matchMedia("(max-width: 48rem)").matches) folded.forEach((part) => (part.open = false));
addEventListener("hashchange", unfold);
unfold();

function unfold() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const part = target && (target.closest("[data-fold]") || target.querySelector("[data-fold]"));
  if (part) part.open = true;
}

// What goes on by itself is looked at again, so that its page need not be loaded again by hand.
const standing = document.querySelector("[data-live]");
const pause = 1000 * (standing?.dataset.every || 2);
if (standing) setTimeout(lookAgain, pause);

async function lookAgain() {
  const shown = document.querySelector("#state");
  try {
    const reply = await fetch(standing.dataset.live, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const found = page.querySelector("#state");
    if (!found || found.dataset.state !== shown.dataset.state) return location.replace(standing.dataset.live);
    shown.replaceChildren(...found.childNodes);
  } catch {
    // The hub is away, or the network: it may be back the next time.
  }
  setTimeout(lookAgain, pause);
}
