// Draws each `.chart` with uPlot from the points that the page carries; the server's own picture stays without script.
// A canvas knows no light-dark(): let the browser resolve each token through a real property.
function resolved(element, name) {
  const probe = document.createElement("span");
  probe.className = "probe";
  probe.style.color = `var(${name})`;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n) => String(n).padStart(2, "0");

function say(seconds) {
  const at = new Date(seconds * 1000);
  return `${two(at.getUTCDate())}-${months[at.getUTCMonth()]}-${at.getUTCFullYear()}`;
}

function draw(box) {
  const points = JSON.parse(box.dataset.points);
  const unit = box.dataset.unit;
  const ink = resolved(box, "--chart"), line = resolved(box, "--line"), mute = resolved(box, "--mute");
  const band = resolved(box, "--band"), high = resolved(box, "--high");
  const axis = { stroke: mute, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, font: "11px system-ui, sans-serif" };
  const options = {
    width: box.clientWidth, height: 280, tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
    series: [
      { label: box.dataset.when, value: (u, v) => (v == null ? "–" : say(v)) },
      { label: unit || box.dataset.value, stroke: ink, width: 1.6, spanGaps: false, value: (u, v, s, i) => (i == null ? "–" : points.words[i]),
        points: { show: true, size: 6, fill: ink } },
      { label: "low", show: false }, { label: "high", show: false },
    ],
    bands: [{ series: [3, 2], fill: band }],
    axes: [{ ...axis, space: 96, values: (u, ticks) => ticks.map(say) }, { ...axis, size: 64, label: unit, labelFont: "11px system-ui, sans-serif" }],
    scales: { y: { range: (u, low, top) => {
      const bounds = [...points.low, ...points.high].filter((v) => v != null);
      const least = Math.min(low, ...bounds), most = Math.max(top, ...bounds), pad = (most - least || Math.abs(most) || 1) * 0.08;
      return [least - pad, most + pad];
    } } },
    hooks: { draw: [(u) => {
      u.ctx.fillStyle = high;
      points.flagged.forEach((flagged, i) => {
        if (!flagged) return;
        u.ctx.beginPath();
        u.ctx.arc(u.valToPos(points.x[i], "x", true), u.valToPos(points.y[i], "y", true), 4.5 * devicePixelRatio, 0, 7);
        u.ctx.fill();
      });
    }], drawAxes: [(u) => {
      u.ctx.save();
      u.ctx.fillStyle = band;
      for (let i = 0; i < points.x.length; i++) {
        if (points.low[i] == null && points.high[i] == null) continue;
        const left = i ? (points.x[i - 1] + points.x[i]) / 2 : u.scales.x.min;
        const right = i + 1 < points.x.length ? (points.x[i] + points.x[i + 1]) / 2 : u.scales.x.max;
        const top = u.valToPos(points.high[i] ?? u.scales.y.max, "y", true), bottom = u.valToPos(points.low[i] ?? u.scales.y.min, "y", true);
        const from = Math.max(u.valToPos(left, "x", true), u.bbox.left), to = Math.min(u.valToPos(right, "x", true), u.bbox.left + u.bbox.width);
        if (to > from) u.ctx.fillRect(from, top, to - from, bottom - top);
      }
      u.ctx.restore();
    }] },
  };
  options.bands = [];
  options.series.length = 2;
  const twin = box.querySelector("svg");
  const chart = new uPlot(options, [points.x, points.y], box);
  twin?.remove();
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: 280 })).observe(box);
}

addEventListener("DOMContentLoaded", () => document.querySelectorAll(".chart[data-points]").forEach(draw));
