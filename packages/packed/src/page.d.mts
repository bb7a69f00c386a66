/**
 * Packs a page into one file that loads nothing: `page.html` of a folder, with what `page.ts` comes to and
 * how all pages look, and `page.css` if there is one, in place of the comments that stand for them. Its
 * content security policy, in place of `POLICY`, lets just these run, and lets the page ask nobody anything.
 * Returns its text.
 */
export function packPage(folder: string): Promise<string>

/** Packs a page and writes it to a file. */
export function writePage(folder: string, path: string): Promise<void>
