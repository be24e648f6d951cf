class Tank {
    litres = 0

    fill(amount: number) {
        this.litres += amount
    }

    percent() {
        return Math.round((this.litres * 100) / 80)
    }
}

const tank = new Tank()

setInterval(() => {
    tank.fill(4)
    console.log(`tank ${tank.percent()} %`)
}, 250)
