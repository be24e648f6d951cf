import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Command } from "commander"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { handoverProgram } from "../cli/program.ts"
import { blocks, commands, documents } from "./support/doc-commands.ts"

const test = suite("what the documents say")
const root = join(import.meta.dirname, "..")
const files = documents()
const scripts = Object.keys((JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object }).scripts)

/** As GitHub makes them from headings. */
const anchors = (text: string): string[] =>
    [...text.matchAll(/^#+ +(.*)$/gm)].map(m => m[1].toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-"))

test("every link leads somewhere", () => {
    const broken: string[] = []
    for (const { path, text } of files)
        for (const [, target] of text.replace(/```[\s\S]*?```/g, "").matchAll(/\]\(([^)\s]+)\)/g)) {
            if (/^[a-z]+:/.test(target)) continue
            const [file, anchor] = target.split("#")
            const full = file === "" ? join(root, path) : join(root, dirname(path), file)
            if (!existsSync(full)) broken.push(`${path}: ${target}`)
            else if (anchor && full.endsWith(".md") && !anchors(readFileSync(full, "utf8")).includes(anchor)) broken.push(`${path}: ${target}`)
        }
    assert.equal(broken, [])
})

test("every npm script that is spoken of exists", () => {
    const missing: string[] = []
    for (const { path, text } of files) for (const [, name] of text.matchAll(/npm run ([a-z][\w:-]*)/g)) if (!scripts.includes(name)) missing.push(`${path}: npm run ${name}`)
    assert.equal(missing, [])
})

/** What is wrong with a command line, or undefined. Nothing is run. */
function mistake(program: Command, words: readonly string[]): string | undefined {
    let command = program
    const rest = [...words]
    for (;;) {
        const next = command.commands.find(c => c.name() === rest[0] || c.aliases().includes(rest[0]))
        if (!next) break
        command = next
        rest.shift()
    }
    if (command === program) return rest.length === 0 || rest[0].startsWith("-") || /^[A-Z]+$/.test(rest[0]) ? undefined : `there is no verb ${rest[0]}`
    // a choice of verbs, a|b|c
    if (command.commands.length && rest.length && !rest[0].startsWith("-") && !/[|A-Z]/.test(rest[0])) return `${command.name()} has no verb ${rest[0]}`
    const options = [...command.options, ...program.options]
    let given = 0
    for (let i = 0; i < rest.length; i++) {
        const word = rest[i].replace(/^\[|\]$/g, "")
        if (!word.startsWith("-") || /^-+$/.test(word)) {
            given++
            continue
        }
        const [flag] = word.split("=")
        if (flag === "--help") return undefined
        const option = options.find(o => o.long === flag || o.short === flag)
        if (!option) return `${command.name()} has no option ${flag}`
        if ((option.required || option.optional) && !word.includes("=")) i++
    }
    const needed = command.registeredArguments.filter(a => a.required).length
    return !command.commands.length && given < needed ? `${command.name()} needs ${needed} arguments, not ${given}` : undefined
}

test("every command line is one that the command takes", async () => {
    const program = await handoverProgram([])
    const wrong: string[] = []
    let checked = 0
    for (const { path, text } of files)
        for (const block of blocks(text)) {
            if (!["sh", "text", "bash", ""].includes(block.language)) continue
            for (const { words, line } of commands(block)) {
                const at = words[0] === "npx" ? 1 : words.slice(0, 4).join(" ") === "npm run handover --" ? 3 : 0
                const verb = at === 3 ? words.slice(4) : words[at] === "handover" ? words.slice(at + 1) : undefined
                if (verb === undefined || words.includes("▶")) continue
                checked++
                const what = mistake(program, verb)
                if (what !== undefined) wrong.push(`${path}:${line}: ${words.join(" ")}: ${what}`)
            }
        }
    assert.ok(checked > 40, `${checked} command lines`)
    assert.equal(wrong, [])
})

/** Tests and scripts; the quick start's own blocks are run by scripts/test-docs.ts. */
function whatRuns(): string {
    const of = (folder: string) =>
        readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
            .filter(name => name.endsWith(".ts") && !name.endsWith("docs.test.ts"))
            .map(name => readFileSync(join(root, folder, name), "utf8"))
    return [...of("test"), ...of("scripts")].join("\n")
}

test("every command and option that the documents show is run by a test", async () => {
    const program = await handoverProgram([])
    const code = whatRuns()
    const walked = readFileSync(join(root, "docs/quick-start.md"), "utf8")
    const never = new Set<string>()
    let checked = 0
    for (const { path, text } of files)
        for (const block of blocks(text))
            for (const { words, line } of commands(block)) {
                const at = words[0] === "npx" ? 1 : 0
                if (words[at] !== "handover" || words.includes("▶")) continue
                const chain: string[] = []
                let command = program
                for (const word of words.slice(at + 1)) {
                    const next = command.commands.find(c => c.name() === word || c.aliases().includes(word))
                    if (!next) break
                    chain.push(word)
                    command = next
                }
                if (!chain.length) continue
                checked++
                const asArguments = [chain, [command.parent?.parent ? command.parent.name() : "", command.name()].filter(Boolean)].map(names => names.map(name => `"${name}"`).join(", "))
                if (!asArguments.some(names => code.includes(names)) && !walked.includes(`npx handover ${chain.join(" ")}`)) never.add(`${path}:${line}: handover ${chain.join(" ")}`)
                for (const word of words.slice(at + 1)) {
                    const [flag] = word.replace(/^\[|\]$/g, "").split("=")
                    if (/^--[a-z]/.test(flag) && flag !== "--help" && !code.includes(`"${flag}`) && !walked.includes(flag)) never.add(`${path}:${line}: handover ${chain.join(" ")} ${flag}`)
                }
            }
    assert.ok(checked > 40, `${checked} commands`)
    assert.equal([...never], [])
})

test("a wrong command line is found", async () => {
    const program = await handoverProgram([])
    assert.match(mistake(program, ["publich", "1.0.0"])!, /no verb/)
    assert.match(mistake(program, ["publish"])!, /needs 1/)
    assert.match(mistake(program, ["keys", "make"])!, /no verb/)
    assert.match(mistake(program, ["diff", "--fast"])!, /no option/)
    assert.is(mistake(program, ["publish", "1.0.0", "--notes", "better"]), undefined)
})

test.run()
