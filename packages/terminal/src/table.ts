import { stripVTControlCharacters } from 'node:util'
import { paint } from './print.ts'

/** A table with headings, columns as wide as needed; those named in `right` are aligned right. */
export function table(headings: string[], rows: string[][], right: string[] = []): string {
  const lines = rows.map((row) => row.map(oneLine))
  const widths = headings.map((heading, column) =>
    Math.max(width(heading), ...lines.map((row) => width(row[column] ?? ''))),
  )
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - width(cell))
        return right.includes(headings[column] ?? '') ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()
  return [paint('dim', line(headings)), ...lines.map(line)].join('\n')
}

/** A cell is one line, whatever stands in it. */
function oneLine(cell: string): string {
  return cell.replace(/[\r\n]+/g, ' ')
}

function width(cell: string): number {
  return [...stripVTControlCharacters(cell)].length
}

/** Names and values under each other. */
export function facts(pairs: [string, string | undefined][]): string {
  const shown = pairs.filter((pair): pair is [string, string] => pair[1] !== undefined)
  const wide = Math.max(...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${paint('dim', name.padEnd(wide))}  ${oneLine(value)}`).join('\n')
}

/** A bar of `cells` cells for a part of a whole. */
export function bar(part: number, whole: number, cells = 20): string {
  const share = whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0
  const full = Math.round(share * cells)
  return '█'.repeat(full) + '░'.repeat(cells - full)
}
