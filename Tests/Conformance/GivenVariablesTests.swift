import Testing

@testable import GatehouseRunner

@Suite("The caller's variables")
struct GivenVariablesTests {
    @Test("later sources win; names from the environment are lowered; texts stay as they are")
    func sources() throws {
        var given = GivenVariables()
        try given.add(yaml: "domain: a.test\nadmin_password: \"0123\"\nowner: 007\n", name: "v.yaml")
        given.add(environment: [
            "GATEHOUSE_CONFORMANCE_DOMAIN": "b.test", "GATEHOUSE_CONFORMANCE_TARGET": "x", "PATH": "/",
        ])
        let isTaken = given.add(flag: "owner=a=b")
        #expect(isTaken)
        #expect(given.values == ["domain": "b.test", "admin_password": "0123", "owner": "a=b"])
    }

    @Test("what is no variable is refused", arguments: ["domain", "=x", "a b=c", "unique=x", "host=x"])
    func refuses(flag: String) {
        var given = GivenVariables()
        let isTaken = given.add(flag: flag)
        #expect(!isTaken)
    }

    @Test("mistakes in the file are reported without its values")
    func mistakes() {
        var given = GivenVariables()
        let error = #expect(throws: FileMistakes.self) {
            try given.add(yaml: "domain_secret: [hunter2]\nunique: x\n", name: "v.yaml")
        }
        #expect(
            error?.mistakes.map(\.description) == [
                "v.yaml:1:16: `domain_secret` must be a text, not a list",
                "v.yaml:2:1: `unique` cannot be the name of a variable",
            ])
    }
}
