import { packPage, writePage } from '@cloister/packed/page'

/**
 * Builds `verify.html`: one file without any dependency, which checks evidence in the browser and can't talk
 * to anybody (its content security policy forbids it). Returns its text.
 */
export function buildVerifyPage(): Promise<string> {
  return packPage(import.meta.dirname)
}

/** Writes the page to a file. */
export function writeVerifyPage(path: string): Promise<void> {
  return writePage(import.meta.dirname, path)
}
