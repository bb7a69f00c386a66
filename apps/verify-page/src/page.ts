import { type CheckGroup, intelRoot, type TrustRoot, trustRoot } from '@cloister/attest'
import { type BundleVerdict, verifyBundle, type Witness } from '@cloister/verify'

const MAX_BYTES = 8 * 1024 * 1024
const bundleInput = element<HTMLInputElement>('bundle')
const networkInput = element<HTMLInputElement>('network')
const sentence = element('sentence')
const tree = element('tree')

bundleInput.addEventListener('change', () => void check())
networkInput.addEventListener('change', () => void check())

async function check(): Promise<void> {
  const file = bundleInput.files?.[0]
  if (!file) return
  sentence.className = ''
  sentence.textContent = 'Checking…'
  tree.replaceChildren()
  try {
    show(await verifyBundle(await readJson(file), await chosenTrust()))
  } catch (error) {
    sentence.className = 'bad'
    sentence.textContent = `Do not trust this: ${error instanceof Error ? error.message : 'it can not be read.'}`
  }
}

/** Intel's root and nobody's word on places, unless a network's description names others. */
async function chosenTrust(): Promise<{ root: TrustRoot; witnesses: Witness[] }> {
  const file = networkInput.files?.[0]
  if (!file) return { root: intelRoot, witnesses: [] }
  const network = (await readJson(file)) as { attestation?: { root?: unknown; witnesses?: unknown } } | null
  if (!network?.attestation) throw new Error('that is not the description of a network.')
  const { root, witnesses } = network.attestation
  return {
    root:
      typeof root === 'string'
        ? trustRoot(Uint8Array.from(atob(root), (character) => character.charCodeAt(0)))
        : intelRoot,
    witnesses: Array.isArray(witnesses) ? witnesses.filter(isWitness) : [],
  }
}

function isWitness(value: unknown): value is Witness {
  const { name, key } = (value ?? {}) as Partial<Witness>
  return (
    typeof name === 'string' && name.length <= 64 && typeof key === 'string' && /^[0-9a-f]{64}$/.test(key)
  )
}

async function readJson(file: File): Promise<unknown> {
  if (file.size > MAX_BYTES) throw new Error(`${file.name} is longer than ${MAX_BYTES} bytes.`)
  try {
    return JSON.parse(await file.text())
  } catch {
    throw new Error(`${file.name} is not JSON.`)
  }
}

function show(verdict: BundleVerdict): void {
  sentence.className = !verdict.genuine ? 'bad' : verdict.simulated ? 'fair' : 'good'
  sentence.textContent = verdict.sentence
  tree.replaceChildren(...verdict.groups.flatMap(group))
}

function group({ title, checks }: CheckGroup): HTMLElement[] {
  const heading = document.createElement('h2')
  const ok = checks.length > 0 && checks.every((check) => check.ok)
  heading.className = ok ? 'good' : 'bad'
  heading.textContent = `${ok ? '✔' : '✘'} ${title}`
  const list = document.createElement('ul')
  for (const check of checks) {
    const item = document.createElement('li')
    if (!check.ok) item.className = 'failed'
    // Text, never markup: what a bundle holds is a stranger's.
    item.textContent = check.title
    const compared = [
      check.found,
      check.ok || check.expected === undefined ? undefined : `expected ${check.expected}`,
      check.source,
    ].filter((text) => text !== undefined)
    const detail = document.createElement('small')
    detail.textContent = compared.join(' · ')
    item.append(detail)
    list.append(item)
  }
  return [heading, list]
}

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T
}
