// Copy buttons. Everything on the pages can be read and used without them.
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
