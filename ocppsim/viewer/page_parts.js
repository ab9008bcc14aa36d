// Pieces of the page that know nothing of the rest of it.

const PLAIN = 300000; // characters; a longer payload is shown without colours

function make(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}

function drawing(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function arrow(frame) {
  const svg = drawing("svg", { "aria-hidden": "true", focusable: "false" });
  svg.append(drawing("line", { x1: "0", x2: "100%", y1: "7", y2: "7" }));
  const right = frame.sent;
  const end = drawing("svg", { x: right ? "100%" : "0", y: "0", overflow: "visible" });
  const way = right ? -1 : 1;
  if (frame.lost || frame.type === "CALLERROR" || frame.type === "bad") {
    const x = 8 * way;
    end.append(drawing("path", { class: "cross", d: `M${x - 4} 3l8 8M${x - 4} 11l8 -8` }));
  } else {
    end.append(drawing("path", { class: "head", d: `M0 7L${9 * way} 2.5V11.5Z` }));
  }
  svg.append(end);
  return svg;
}

function latency(frame) {
  const box = make("span", "lat");
  if (frame.lost) box.append(make("em", "", "no answer"));
  else if (frame.late) box.append(make("em", "", "late "), frame.took);
  else if (frame.took) box.append(frame.took);
  return box;
}

function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return seconds + " s";
  if (seconds < 7200) return Math.round(seconds / 60) + " min";
  return Math.round(seconds / 3600) + " h";
}

// Compact JSON with line ends and colours. Digits stay as they came: nothing is parsed.
function paint(json, target) {
  const token = /("[^"\\]*(?:\\.[^"\\]*)*")(:?)|[{}[\],]|[^\s"{}[\],:]+/g;
  const parts = [];
  let depth = 0;
  const newline = () => ["\n" + "  ".repeat(Math.min(depth, 60)), ""];
  for (let match; (match = token.exec(json)); ) {
    const text = match[0];
    const empty = (text === "{" && json[token.lastIndex] === "}") || (text === "[" && json[token.lastIndex] === "]");
    if (empty) {
      parts.push([text + json[token.lastIndex], "p"]);
      token.lastIndex++;
    } else if (text === "{" || text === "[") {
      depth++;
      parts.push([text, "p"], newline());
    } else if (text === "}" || text === "]") {
      depth--;
      parts.push(newline(), [text, "p"]);
    } else if (text === ",") parts.push([",", "p"], newline());
    else if (match[2]) parts.push([match[1], "k"], [": ", "p"]);
    else parts.push([text, match[1] ? "s" : /^[tfn]/.test(text) ? "w" : "n"]);
  }
  const pretty = parts.map(([text]) => text).join("");
  if (pretty.length > PLAIN) target.append(pretty);
  else for (const [text, name] of parts) target.append(name ? make("span", name, text) : text);
  return pretty;
}

// What a frame carries, and the button that copies it.
function payload(frame) {
  const code = make("pre", "");
  code.tabIndex = 0;
  code.setAttribute("role", "region");
  code.setAttribute("aria-label", "Payload");
  const pretty = frame.json ? paint(frame.body, code) : (code.append(frame.body), frame.body);
  const copy = make("button", "copy", "Copy");
  copy.type = "button";
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pretty);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      copy.textContent = "Selected";
    }
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  return [code, copy];
}
