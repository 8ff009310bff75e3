// Fetch the page again and swap its content in place, so that the reader keeps their position.
let shown = "";
setInterval(async () => {
  if (document.hidden || !getSelection().isCollapsed) return;
  try {
    const text = await (await fetch("/")).text();
    if (text === shown) return;
    shown = text;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    document.body.replaceChildren(...fresh.body.children);
    document.title = fresh.title;
  } catch {
    document.title = "Sociocs simulator (stopped)";
  }
}, 1000);
