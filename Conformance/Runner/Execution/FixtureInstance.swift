/// A fixture in use, under a name, with variables of its own.
struct FixtureInstance: Sendable {
    let name: String
    let fixture: Fixture
    /// What the fixture's own steps see.
    var scope: Scope

    /// - Parameters:
    ///   - base: the variables that every step sees.
    ///   - unique: a part for names that no other instance has.
    init(_ use: FixtureUse, of fixture: Fixture, base: Scope, unique: String) {
        name = use.instance
        self.fixture = fixture
        scope = base
        scope.set("unique", to: unique)
        scope.set("self.name", to: use.instance)
        for provision in fixture.provides { scope.provide("self.\(provision.name)", as: provision.value) }
    }

    /// The variables that users of the fixture see; those whose parts were not captured are missing.
    var provided: [(name: String, value: String)] {
        [("\(name).name", name)]
            + fixture.provides.compactMap { provision in
                scope.value("self.\(provision.name)").map { ("\(name).\(provision.name)", $0) }
            }
    }

    /// Every value that its steps captured, for masking.
    var captured: [(name: String, value: String)] {
        fixture.steps.flatMap(\.captures).compactMap { capture in
            scope.value(capture.name).map { ("\(name).\(capture.name)", $0) }
        }
    }
}
