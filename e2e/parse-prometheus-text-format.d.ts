// The package comes without types.
declare module 'parse-prometheus-text-format' {
  export default function parse(text: string): {
    name: string
    help: string
    type: 'COUNTER' | 'GAUGE' | 'HISTOGRAM' | 'SUMMARY' | 'UNTYPED'
    metrics: { value?: string; labels?: Record<string, string>; count?: string }[]
  }[]
}
