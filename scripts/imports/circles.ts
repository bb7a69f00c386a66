/** Circles of a graph: groups of nodes that reach each other, each as a list. */
export function circlesOf(arrows: ReadonlyMap<string, Iterable<string>>): string[][] {
  const order = new Map<string, number>()
  const open: string[] = []
  const circles: string[][] = []
  const visit = (node: string): number => {
    const own = order.size
    order.set(node, own)
    open.push(node)
    let low = own
    for (const next of arrows.get(node) ?? []) {
      if (!arrows.has(next)) continue
      if (!order.has(next)) low = Math.min(low, visit(next))
      else if (open.includes(next)) low = Math.min(low, order.get(next) ?? low)
    }
    if (low === own) {
      const circle = open.splice(open.indexOf(node))
      if (circle.length > 1) circles.push(circle)
    }
    return low
  }
  for (const node of arrows.keys()) if (!order.has(node)) visit(node)
  return circles
}
