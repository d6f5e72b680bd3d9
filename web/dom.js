// Small helpers for the page. Text from peers reaches it through textContent and attributes only.

export const byId = (id) => document.getElementById(id);

// element("li", {class: "user", "data-testid": "user-item"}, child, "text", …)
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const kSvg = "http://www.w3.org/2000/svg";

// A drawing from the sprite in index.html.
export function icon(name) {
  const svg = document.createElementNS(kSvg, "svg");
  const use = document.createElementNS(kSvg, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const setIcon = (use, name) => use.setAttribute("href", `#i-${name}`);

// 3725.4 → "1:02:05"
export function clockText(seconds) {
  if (!Number.isFinite(seconds)) return "–:––";
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

// An epoch time in seconds → "21:14:07", in the viewer's time zone.
export const timeOfDay = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
