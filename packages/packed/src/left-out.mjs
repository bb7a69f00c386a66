// What packs leave out, whoever makes them.
import { readFileSync } from 'node:fs'

/**
 * What dockerode has for engines reached over SSH and for building images, which nothing here does, and
 * fifty languages of zod's.
 */
const UNUSED = /^(ssh2|protobufjs|@grpc\/grpc-js|@grpc\/proto-loader|\.\.\/locales\/index\.js)$/
/** What has to stay as it is: it finds files beside itself, or is there for some machines only. */
export const LEFT_OUT = ['@electric-sql/pglite', 'esbuild', 'pg-native']

/** Puts nothing in the place of what isn't used. */
export const unused = {
  name: 'unused',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: UNUSED }, ({ path }) => ({ path, namespace: 'unused' }))
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: '' }))
  },
}

/**
 * viem asks for secp256k1 by an import that is a call, and what is imported so keeps all that it exports:
 * hashes to points of the curve, which nothing uses and which are worked out as soon as it is read.
 */
export const curveAlone = {
  name: 'curve-alone',
  setup({ onLoad }) {
    onLoad({ filter: /viem\/_esm\/utils\/signature\/recoverPublicKey\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const alone = text.replace(/const \{ secp256k1 \} = await import\('[^']+'\);/, '')
      if (alone === text) throw new Error(`${path} is not as it was: see packages/packed`)
      return { contents: `import { secp256k1 } from '@noble/curves/secp256k1';\n${alone}` }
    })
  },
}

/** Some of what is packed is CommonJS and asks for `require`. */
export const REQUIRE = "const require = process.getBuiltinModule('module').createRequire(import.meta.url);"
