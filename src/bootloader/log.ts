/** The resident's line on the serial log: `HOV <event> key=value ...`. */
export function hov(event: string, details: string) {
    console.log(`HOV ${event} ${details}`)
}
