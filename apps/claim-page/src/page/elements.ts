/** An element of the page. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T
}

/** A new element with a text, which is never markup: names and files are strangers'. */
export function made(tag: string, text: string, className = ''): HTMLElement {
  const one = document.createElement(tag)
  one.textContent = text
  one.className = className
  return one
}

/** The text of a chosen file. Throws for one that is longer than `mostBytes`. */
export async function textOf(file: File, mostBytes: number): Promise<string> {
  if (file.size > mostBytes) throw new Error(`${file.name} is longer than ${mostBytes} bytes.`)
  return file.text()
}

/** Has the browser keep a text as a file. */
export function save(name: string, text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000)
}
