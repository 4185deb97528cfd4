// How a portal program talks to its test: one line of JSON in, one out (program.py).
import { createInterface } from 'node:readline'

export const settings = JSON.parse(process.argv[2])

export async function serve(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...asked } = JSON.parse(line)
    let answer
    try {
      answer = await commands[name](asked)
    } catch (error) {
      const { name, message, code, cause } = error
      const why = error.error ?? code ?? ''
      answer = { refused: `${name}: ${message} ${why} ${cause?.message ?? JSON.stringify(cause) ?? ''}` }
    }
    console.log(JSON.stringify(answer))
  }
}
