// Copy buttons, and swaps that are followed. Everything on the pages can be read and used without them.
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

// A swap that goes on by itself is looked at again, so that its page need not be loaded again by hand.
const LOOK_AGAIN = 2000;
const standing = document.querySelector("[data-live]");
if (standing) setTimeout(lookAgain, LOOK_AGAIN);

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
  setTimeout(lookAgain, LOOK_AGAIN);
}
