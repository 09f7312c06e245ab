// Charts of the examples as stand-alone SVGs.

const WIDTH = 720;
const HEIGHT = 420;
const MARGIN = { left: 56, right: 150, top: 44, bottom: 48 };
const COLORS = [
  '#1b6ca8',
  '#c8553d',
  '#2a9d4b',
  '#8e5ea2',
  '#b8860b',
  '#444444',
  '#d16ba5',
  '#3aa6a6',
];

/** The whole document; `content`: elements, below the title. */
function svg(title, content) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${MARGIN.left}" y="24" font-size="15">${title}</text>`,
    ...content,
    '</svg>',
    '',
  ].join('\n');
}

/** A horizontal line of the grid with its label. */
const gridLine = (y, label) =>
  `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y}" y2="${y}" stroke="#ddd"/>` +
  `<text x="${MARGIN.left - 8}" y="${y + 4}" text-anchor="end">${label}</text>`;

/** An entry of the legend on the right. */
function legend(i, label, thickness = 3) {
  const left = WIDTH - MARGIN.right + 12;
  const y = MARGIN.top + 14 + i * 20;
  return (
    `<line x1="${left}" x2="${left + 20}" y1="${y - 4}" y2="${y - 4}" stroke="${colorOf(i)}" stroke-width="${thickness}"/>` +
    `<text x="${left + 26}" y="${y}">${label}</text>`
  );
}

const colorOf = (i) => COLORS[i % COLORS.length];

/** Values between `low` and `high` over the images seen, as `write` has them. */
function curvesChart(title, curves, { low, high, read, write }) {
  const maxImages = Math.max(...curves.flatMap(({ points }) => points.map((p) => p.images)), 1);
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (images) => MARGIN.left + (images / maxImages) * (right - MARGIN.left);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - MARGIN.top);

  const gridSteps = 5;
  const grid = Array.from({ length: gridSteps + 1 }, (_, i) => {
    const value = low + ((high - low) * i) / gridSteps;
    const images = (maxImages * i) / gridSteps;
    return (
      gridLine(y(value), write(value)) +
      `<text x="${x(images)}" y="${bottom + 20}" text-anchor="middle">${Math.round(images / 1000)}k</text>`
    );
  });
  const lines = curves.map((curve, i) => {
    const path = curve.points
      .map((p) => `${x(p.images).toFixed(1)},${y(read(p)).toFixed(1)}`)
      .join(' ');
    return `<polyline points="${path}" fill="none" stroke="${colorOf(i)}" stroke-width="2"/>${legend(i, curve.label)}`;
  });
  return svg(title, [
    ...grid,
    `<text x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">training images seen</text>`,
    ...lines,
  ]);
}

/** `curves`: [{ label, points: [{ images, accuracy }] }]. */
export function accuracyChart(title, curves) {
  const accuracies = curves.flatMap(({ points }) => points.map((p) => p.accuracy));
  return curvesChart(title, curves, {
    low: Math.max(0, Math.floor(Math.min(...accuracies, 0.9) * 10) / 10),
    high: 1,
    read: (p) => p.accuracy,
    write: (value) => `${(value * 100).toFixed(0)}%`,
  });
}

/** `curves`: [{ label, points: [{ images, loss }] }]. */
export function lossChart(title, curves) {
  const losses = curves.flatMap(({ points }) => points.map((p) => p.loss));
  return curvesChart(title, curves, {
    low: 0,
    high: Math.ceil(Math.max(...losses) * 10) / 10,
    read: (p) => p.loss,
    write: (value) => value.toFixed(2),
  });
}

/** Bars of parts that add up to one. `groups`: [{ label, bars: [{ label, parts: { name: share } }] }]. */
export function stackedBars(title, groups) {
  const bottom = HEIGHT - MARGIN.bottom;
  const y = (share) => bottom - share * (bottom - MARGIN.top);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => gridLine(y(share), `${100 * share}%`));
  const names = Object.keys(groups[0].bars[0].parts);
  const slot = (WIDTH - MARGIN.left - MARGIN.right) / groups.length;
  const drawn = groups.flatMap(({ label, bars }, g) => {
    const left = MARGIN.left + g * slot;
    const width = (0.8 * slot) / bars.length;
    const columns = bars.map((bar, b) => {
      const x = left + 0.1 * slot + b * width;
      let below = 0;
      const parts = names.map((name, i) => {
        const share = bar.parts[name];
        below += share;
        return `<rect x="${x + 2}" y="${y(below)}" width="${width - 4}" height="${y(0) - y(share)}" fill="${colorOf(i)}"/>`;
      });
      return `${parts.join('')}<text x="${x + width / 2}" y="${bottom + 16}" text-anchor="middle">${bar.label}</text>`;
    });
    return [
      ...columns,
      `<text x="${left + slot / 2}" y="${bottom + 34}" text-anchor="middle">${label}</text>`,
    ];
  });
  return svg(title, [...grid, ...drawn, ...names.map((name, i) => legend(i, name, 10))]);
}
