/** Questions to the chain that go out together: its client sends them in a few requests. */
const AT_ONCE = 64

/** What `ask` says of each item, in their order, asked of many at a time. Throws what `ask` throws. */
export async function inBatches<item, answer>(
  items: Iterable<item>,
  ask: (item: item) => Promise<answer>,
): Promise<answer[]> {
  const all = [...items]
  const answers: answer[] = []
  for (let at = 0; at < all.length; at += AT_ONCE)
    answers.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(ask))))
  return answers
}
