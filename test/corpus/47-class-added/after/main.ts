let tick = 0

class Limiter {
    passed = 0

    constructor(public every: number) {}

    pass() {
        this.passed++
        return this.passed % this.every === 1
    }
}

const limiter = new Limiter(3)

function announce(text: string) {
    if (limiter.pass()) console.log(`${text} (${limiter.passed})`)
}

setInterval(() => {
    tick++
    announce(`tick ${tick}`)
}, 250)
