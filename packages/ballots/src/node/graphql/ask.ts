import {
  type DocumentNode,
  execute,
  GraphQLError,
  Kind,
  parse,
  type SelectionSetNode,
  specifiedRules,
  validate,
} from 'graphql'
import * as z from 'zod'
import { SCHEMA } from './schema.ts'

/** Bytes and tokens of a question, fields at its top, and what lies in each other. */
export const MAX_QUESTION_BYTES = 32_768
const MAX_TOKENS = 2_000
const MAX_TOP = 10
const MAX_DEPTH = 8

const Question = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
})

/** What GraphQL answers. */
export interface GraphqlAnswer {
  data?: unknown
  errors?: { message: string }[]
}

/** Answers a question in GraphQL, within bounds. `root`: a resolver for each field of `Query`. */
export async function askGraphql(body: unknown, root: object): Promise<GraphqlAnswer> {
  const question = Question.safeParse(body)
  if (!question.success) return wrong('A question is {"query": …, "variables": …}.')
  try {
    const document = parse(question.data.query, { maxTokens: MAX_TOKENS, noLocation: true })
    const errors = validate(SCHEMA, document, specifiedRules, { maxErrors: 5 })
    if (errors.length > 0) return { errors: errors.map(({ message }) => ({ message })) }
    checkSize(document)
    const { data, errors: failed } = await execute({
      schema: SCHEMA,
      document,
      rootValue: root,
      variableValues: question.data.variables ?? {},
      operationName: question.data.operationName ?? null,
    })
    return {
      data: data ?? null,
      ...(failed && { errors: failed.map(({ message }) => ({ message })) }),
    }
  } catch (error) {
    if (error instanceof GraphQLError) return wrong(error.message)
    throw error
  }
}

function wrong(message: string): GraphqlAnswer {
  return { errors: [{ message }] }
}

/** Refuses questions that ask for too much at once; fragments count wherever they are used. */
function checkSize(document: DocumentNode): void {
  const sizes = new SizeOfSelections(document)
  for (const one of document.definitions)
    if (one.kind === Kind.OPERATION_DEFINITION) {
      const { fields, depth } = sizes.of(one.selectionSet)
      if (fields > MAX_TOP) throw new GraphQLError(`A question has at most ${MAX_TOP} fields at its top.`)
      if (depth > MAX_DEPTH) throw new GraphQLError(`A question goes at most ${MAX_DEPTH} deep.`)
    }
}

/** Measures selections, each fragment once. */
class SizeOfSelections {
  private readonly fragments: Map<string, SelectionSetNode>
  private readonly known = new Map<string, { fields: number; depth: number }>()

  constructor({ definitions }: DocumentNode) {
    this.fragments = new Map(
      definitions.flatMap((one) =>
        one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one.selectionSet] as const] : [],
      ),
    )
  }

  /** Fields at the top, and how many lie in each other. That no fragment is in itself was checked before. */
  of({ selections }: SelectionSetNode): { fields: number; depth: number } {
    let [fields, depth] = [0, 0]
    for (const one of selections) {
      if (one.kind === Kind.FIELD) {
        fields++
        depth = Math.max(depth, 1 + (one.selectionSet ? this.of(one.selectionSet).depth : 0))
        continue
      }
      const inside =
        one.kind === Kind.INLINE_FRAGMENT ? this.of(one.selectionSet) : this.fragment(one.name.value)
      fields += inside.fields
      depth = Math.max(depth, inside.depth)
    }
    return { fields, depth }
  }

  private fragment(name: string): { fields: number; depth: number } {
    const selections = this.fragments.get(name)
    const size = this.known.get(name) ?? (selections ? this.of(selections) : { fields: 0, depth: 0 })
    this.known.set(name, size)
    return size
  }
}
