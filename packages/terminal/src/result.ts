import { say } from './print.ts'

/** Prints a result as JSON; whole numbers beyond 2^53 as decimal strings. */
export function sayJson(value: unknown): void {
  say(JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? item.toString() : item)))
}
