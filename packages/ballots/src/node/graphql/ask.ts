import {
  type DocumentNode,
  defaultFieldResolver,
  execute,
  GraphQLError,
  type GraphQLFieldResolver,
  getNamedType,
  isLeafType,
  Kind,
  parse,
  type SelectionSetNode,
  specifiedRules,
  validate,
} from 'graphql'
import * as z from 'zod'
import { SCHEMA } from './schema.ts'

/** Bytes and tokens of a question, fields at its top, in all, and what lies in each other. */
export const MAX_QUESTION_BYTES = 32_768
const MAX_TOKENS = 2_000
const MAX_TOP = 10
const MAX_FIELDS = 300
const MAX_DEPTH = 8
/** Characters of an answer's values: a small question may ask for a long text again and again. */
const MAX_ANSWER = 32 * 1024 * 1024

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
    const room = new Room()
    const { data, errors: failed } = await execute({
      schema: SCHEMA,
      document,
      rootValue: root,
      fieldResolver: room.resolve,
      variableValues: question.data.variables ?? {},
      operationName: question.data.operationName ?? null,
    })
    if (room.left < 0) return wrong(`An answer has at most ${MAX_ANSWER} characters: ask for less at once.`)
    return {
      data: data ?? null,
      ...(failed && { errors: failed.map(({ message }) => ({ message })) }),
    }
  } catch (error) {
    if (error instanceof GraphQLError) return wrong(error.message)
    throw error
  }
}

/** Resolves fields until an answer has all that it may have. */
class Room {
  left = MAX_ANSWER

  readonly resolve: GraphQLFieldResolver<unknown, unknown> = (source, args, context, info) => {
    if (this.left < 0) return null
    const found = defaultFieldResolver(source, args, context, info)
    if (isLeafType(getNamedType(info.returnType))) this.left -= JSON.stringify(found)?.length ?? 0
    return found
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
      const { fields, all, depth } = sizes.of(one.selectionSet)
      if (fields > MAX_TOP) throw new GraphQLError(`A question has at most ${MAX_TOP} fields at its top.`)
      if (all > MAX_FIELDS) throw new GraphQLError(`A question has at most ${MAX_FIELDS} fields.`)
      if (depth > MAX_DEPTH) throw new GraphQLError(`A question goes at most ${MAX_DEPTH} deep.`)
    }
}

const NOTHING = { fields: 0, all: 0, depth: 0 }

interface Size {
  /** At the top, and with those that lie in them. */
  fields: number
  all: number
  depth: number
}

/** Measures selections, each fragment once. */
class SizeOfSelections {
  private readonly fragments: Map<string, SelectionSetNode>
  private readonly known = new Map<string, Size>()

  constructor({ definitions }: DocumentNode) {
    this.fragments = new Map(
      definitions.flatMap((one) =>
        one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one.selectionSet] as const] : [],
      ),
    )
  }

  /** Fields at the top, and how many lie in each other. That no fragment is in itself was checked before. */
  of({ selections }: SelectionSetNode): Size {
    let [fields, all, depth] = [0, 0, 0]
    for (const one of selections) {
      if (one.kind === Kind.FIELD) {
        const below = one.selectionSet ? this.of(one.selectionSet) : NOTHING
        fields++
        all += 1 + below.all
        depth = Math.max(depth, 1 + below.depth)
        continue
      }
      const inside =
        one.kind === Kind.INLINE_FRAGMENT ? this.of(one.selectionSet) : this.fragment(one.name.value)
      fields += inside.fields
      all += inside.all
      depth = Math.max(depth, inside.depth)
    }
    return { fields, all, depth }
  }

  private fragment(name: string): Size {
    const selections = this.fragments.get(name)
    const size = this.known.get(name) ?? (selections ? this.of(selections) : NOTHING)
    this.known.set(name, size)
    return size
  }
}
