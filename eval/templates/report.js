// A link to what is folded opens it.
const unfold = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") target.open = true;
};
addEventListener("hashchange", unfold);
unfold();

// What a reader points at in a plot is told: the values at the nearest step. Without scripts the plots are the same.
for (const figure of document.querySelectorAll("figure[data-points]")) {
  const lines = JSON.parse(figure.dataset.points), svg = figure.querySelector("svg"), box = svg.viewBox.baseVal;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  figure.append(tip);
  const dots = lines.map(line => {
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    dot.setAttribute("r", 3.2);
    dot.setAttribute("class", `dot series-${line.color}`);
    dot.style.visibility = "hidden";
    svg.append(dot);
    return dot;
  });
  const hide = () => {
    tip.hidden = true;
    for (const dot of dots) dot.style.visibility = "hidden";
  };
  svg.addEventListener("pointermove", event => {
    const frame = svg.getBoundingClientRect(), x = (event.clientX - frame.left) * box.width / frame.width;
    tip.replaceChildren();
    lines.forEach((line, number) => {
      const [px, py, step, value] = line.points.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a);
      dots[number].setAttribute("cx", px);
      dots[number].setAttribute("cy", py);
      dots[number].style.visibility = "visible";
      const row = document.createElement("div");
      row.textContent = `${line.label} ${value.toLocaleString("en", {maximumSignificantDigits: 4})} · step ${step.toLocaleString("en")}`;
      row.className = `series-${line.color}`;
      tip.append(row);
    });
    tip.hidden = false;
    const around = figure.getBoundingClientRect(), left = event.clientX - around.left;
    tip.style.left = `${Math.min(Math.max(left - tip.offsetWidth / 2, 4), around.width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${event.clientY - around.top - tip.offsetHeight - 14}px`;
  });
  svg.addEventListener("pointerleave", hide);
}

// Attention: a picture for each head, and for the chosen one, which tokens the one that is pointed at looks at.
for (const figure of document.querySelectorAll("figure[data-attention]")) {
  const weights = Uint8Array.from(atob(figure.dataset.attention), letter => letter.charCodeAt(0));
  const tokens = [...figure.querySelectorAll(".reading button")], size = tokens.length;
  const causal = figure.dataset.causal === "1", heads = +figure.dataset.heads, layers = +figure.dataset.layers;
  const each = causal ? size * (size + 1) / 2 : size * size, said = figure.querySelector(".said");
  let head = heads * (layers - 1), token = size - 1;
  const weight = (head, q, k) =>
    causal && k > q ? 0 : weights[head * each + (causal ? q * (q + 1) / 2 : q * size) + k] / 255;
  const draw = (canvas, head, scale) => {
    canvas.width = canvas.height = size * scale;
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(figure).getPropertyValue("--accent");
    for (let q = 0; q < size; q++) for (let k = 0; k < size; k++) {
      pen.globalAlpha = weight(head, q, k);
      pen.fillRect(k * scale, q * scale, scale, scale);
    }
  };
  const large = figure.querySelector(".large");
  const show = () => {
    const row = tokens.map((_, k) => weight(head, token, k));
    tokens.forEach((button, k) => {
      button.style.background = `color-mix(in srgb, var(--accent) ${Math.round(85 * row[k])}%, transparent)`;
      button.title = `${Math.round(100 * row[k])}%`;
      button.setAttribute("aria-pressed", k === token);
    });
    const most = row.map((value, k) => [value, k]).sort((a, b) => b[0] - a[0]).slice(0, 3);
    const names = most.filter(([value]) => value >= 0.005)
      .map(([value, k]) => `“${tokens[k].textContent}” ${Math.round(100 * value)}%`);
    said.textContent = `Layer ${Math.floor(head / heads) + 1}, head ${head % heads + 1}: “${tokens[token].textContent}” looks at ${names.join(", ")}. Point at a token, or at a row of the large picture, and choose a head below.`;
  };
  const choose = number => {
    buttons[head].classList.remove("chosen");
    head = number;
    buttons[head].classList.add("chosen");
    draw(large, head, Math.max(4, Math.floor(640 / size)));
    show();
  };
  const buttons = Array.from({length: layers * heads}, (_, number) => {
    const button = document.createElement("button"), canvas = document.createElement("canvas");
    button.type = "button";
    button.title = `Layer ${Math.floor(number / heads) + 1}, head ${number % heads + 1}`;
    button.setAttribute("aria-label", button.title);
    draw(canvas, number, 1);
    button.append(canvas);
    button.addEventListener("click", () => choose(number));
    figure.querySelector(".heads").append(button);
    return button;
  });
  const point = number => {
    token = number;
    show();
  };
  tokens.forEach((button, number) => {
    for (const event of ["pointerenter", "focus", "click"]) button.addEventListener(event, () => point(number));
  });
  large.addEventListener("pointermove", event =>
    point(Math.min(size - 1, Math.max(0, Math.floor(event.offsetY / large.clientHeight * size)))));
  choose(head);
}
