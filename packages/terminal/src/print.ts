import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colours text where the stream is a terminal that shows them (and NO_COLOR is not set). */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream, validateStream: true })
}

/** Text from outside as it may be printed: without control characters, so that it can't move the cursor or fake lines. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '')
}

/** Prints a line. */
export function say(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** Prints a line that isn't the result: progress, warnings. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}
