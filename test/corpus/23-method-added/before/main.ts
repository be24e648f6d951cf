class Tank {
    litres = 0

    fill(amount: number) {
        this.litres += amount
    }
}

const tank = new Tank()

setInterval(() => {
    tank.fill(4)
    console.log(`tank ${tank.litres} l`)
}, 250)
