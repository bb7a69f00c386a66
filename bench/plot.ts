const WIDTH = 720
const HEIGHT = 360
const LEFT = 60
const RIGHT = 190
const TOP = 40
const BOTTOM = 46
/** Colours that people with any colour vision tell apart (Okabe and Ito, 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#999999', '#cc79a7']

/** A line plot as SVG, readable on white and on black. */
export function lines(plot: {
  title: string
  x: string
  log?: boolean
  series: { name: string; points: [number, number][] }[]
}): string {
  const all = plot.series
    .flatMap(({ points }) => points)
    .filter(([, y]) => Number.isFinite(y) && (!plot.log || y > 0))
  const [minX, maxX] = [Math.min(...all.map(([x]) => x)), Math.max(...all.map(([x]) => x))]
  const scale = (y: number) => (plot.log ? Math.log10(y) : y)
  const ys = all.map(([, y]) => scale(y))
  const [minY, maxY] = [
    plot.log ? Math.floor(Math.min(...ys)) : 0,
    plot.log ? Math.ceil(Math.max(...ys)) : Math.max(...ys) * 1.05,
  ]
  const px = (x: number) => LEFT + ((x - minX) / (maxX - minX || 1)) * (WIDTH - LEFT - RIGHT)
  const py = (y: number) =>
    HEIGHT - BOTTOM - ((scale(y) - minY) / (maxY - minY || 1)) * (HEIGHT - TOP - BOTTOM)
  const ticksY = plot.log
    ? Array.from({ length: maxY - minY + 1 }, (_, index) => 10 ** (minY + index))
    : Array.from({ length: Math.floor(maxY / stepOf(maxY)) + 1 }, (_, index) => index * stepOf(maxY))
  const ticksX = Array.from(
    { length: Math.floor(maxX) - Math.ceil(minX) + 1 },
    (_, index) => Math.ceil(minX) + index,
  )
  const text = (x: number, y: number, content: string, anchor = 'middle') =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#777">${content}</text>`
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${plot.title}">`,
    `<text x="${LEFT}" y="22" font-size="14" fill="#777">${plot.title}</text>`,
    ...ticksY.map(
      (y) =>
        `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(y).toFixed(1)}" y2="${py(y).toFixed(1)}" stroke="#777" stroke-opacity="0.25"/>${text(LEFT - 8, py(y) + 4, y.toLocaleString('en', { maximumSignificantDigits: 6 }), 'end')}`,
    ),
    ...ticksX.map((x) => text(px(x), HEIGHT - BOTTOM + 18, String(x))),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, plot.x),
    ...plot.series.map(({ name, points }, index) => {
      const colour = COLOURS[index % COLOURS.length]
      const shown = points.filter(([, y]) => Number.isFinite(y) && (!plot.log || y > 0))
      const path = shown
        .map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`)
        .join('')
      const key = TOP + 14 + index * 20
      return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/><line x1="${WIDTH - RIGHT + 14}" x2="${WIDTH - RIGHT + 38}" y1="${key}" y2="${key}" stroke="${colour}" stroke-width="3"/>${text(WIDTH - RIGHT + 44, key + 4, name, 'start')}`
    }),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

/** A round distance between lines, for four or five of them. */
function stepOf(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / 4))
  return ([1, 2, 5].find((factor) => most / (factor * power) <= 5) ?? 10) * power
}
