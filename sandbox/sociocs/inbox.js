// Fetch the page again and put in what is new: what a reader looks at keeps its place, its selection and its focus.
const stopped = document.getElementById("stopped");
let shown = "";

// Newest first, and an item keeps its id: what the list does not have yet is newer than all that it has.
function merge(list, fresh) {
  const wanted = new Map([...fresh.children].map((item) => [item.id, item]));
  for (const item of [...list.children]) {
    const now = wanted.get(item.id);
    wanted.delete(item.id);
    if (!now) item.remove();
    else if (!now.isEqualNode(item)) item.replaceWith(now);
  }
  list.prepend(...wanted.values());
}

function update(fresh) {
  // At the top of the page the newest is what one wants to see; further down, the text that one reads stays where it is.
  const cards = scrollY > 0 ? [...document.querySelectorAll(".card")] : [];
  const read = cards.find((card) => card.getBoundingClientRect().bottom > 0);
  const before = read?.getBoundingClientRect().top;
  document.title = fresh.title;
  for (const part of document.querySelectorAll(".fresh")) part.replaceWith(fresh.getElementById(part.id));
  for (const list of document.querySelectorAll("ol")) merge(list, fresh.getElementById(list.id));
  if (read?.isConnected) scrollBy(0, read.getBoundingClientRect().top - before);
}

setInterval(async () => {
  if (document.hidden) return;
  try {
    const text = await (await fetch("/")).text();
    stopped.hidden = true;
    if (text !== shown) update(new DOMParser().parseFromString(text, "text/html"));
    shown = text;
  } catch {
    shown = "";
    stopped.hidden = false;
    document.title = "Sociocs simulator (stopped)";
  }
}, 1000);
