// Accuracy curves as a stand-alone SVG.

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

/** `curves`: [{ label, points: [{ images, accuracy }] }]. */
export function accuracyChart(title, curves) {
  const points = curves.flatMap((curve) => curve.points);
  const maxImages = Math.max(...points.map((p) => p.images), 1);
  const lowest = Math.min(...points.map((p) => p.accuracy), 0.9);
  const minAccuracy = Math.max(0, Math.floor(lowest * 10) / 10);
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (images) => MARGIN.left + (images / maxImages) * (right - MARGIN.left);
  const y = (accuracy) =>
    bottom - ((accuracy - minAccuracy) / (1 - minAccuracy)) * (bottom - MARGIN.top);

  const gridSteps = 5;
  const grid = Array.from({ length: gridSteps + 1 }, (_, i) => {
    const accuracy = minAccuracy + ((1 - minAccuracy) * i) / gridSteps;
    const images = (maxImages * i) / gridSteps;
    return (
      `<line x1="${MARGIN.left}" x2="${right}" y1="${y(accuracy)}" y2="${y(accuracy)}" stroke="#ddd"/>` +
      `<text x="${MARGIN.left - 8}" y="${y(accuracy) + 4}" text-anchor="end">${(accuracy * 100).toFixed(0)}%</text>` +
      `<text x="${x(images)}" y="${bottom + 20}" text-anchor="middle">${Math.round(images / 1000)}k</text>`
    );
  });
  const lines = curves.map((curve, i) => {
    const color = COLORS[i % COLORS.length];
    const path = curve.points
      .map((p) => `${x(p.images).toFixed(1)},${y(p.accuracy).toFixed(1)}`)
      .join(' ');
    const labelY = MARGIN.top + 14 + i * 20;
    return (
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>` +
      `<line x1="${right + 12}" x2="${right + 32}" y1="${labelY - 4}" y2="${labelY - 4}" stroke="${color}" stroke-width="3"/>` +
      `<text x="${right + 38}" y="${labelY}">${curve.label}</text>`
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${MARGIN.left}" y="24" font-size="15">${title}</text>`,
    ...grid,
    `<text x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">training images seen</text>`,
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}
