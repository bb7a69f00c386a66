// What packs leave out, whoever makes them.

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

/** Some of what is packed is CommonJS and asks for `require`. */
export const REQUIRE = "const require = process.getBuiltinModule('module').createRequire(import.meta.url);"
