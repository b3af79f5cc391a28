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
