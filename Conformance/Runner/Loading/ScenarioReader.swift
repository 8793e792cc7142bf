internal import Yams

/// Reads the file of a scenario.
struct ScenarioReader {
    let file: YAMLFile
    let id: String

    /// - Returns: nil when the file's mistakes, kept in `file`, leave no scenario.
    func scenario() -> Scenario? {
        guard let root = requireRoot(file) else { return nil }
        guard let reader = MappingReader(root, in: file, what: "a scenario") else { return nil }
        let title = reader.required("title").flatMap { file.scalar($0, "`title`") }
        let sources = reader.required("source").map(sources) ?? []
        let level = reader.required("level").flatMap(level)
        let profile = reader.required("profile").flatMap { word($0, "`profile`") }
        let tags = reader.optional("tags").flatMap { file.list($0, "`tags`") }?.compactMap { word($0, "a tag") } ?? []
        let uses = reader.optional("uses").map(uses) ?? []
        let needs = reader.optional("needs").map { NeedsReader(file: file).needs($0) } ?? []
        let stepReader = StepReader(file: file)
        let steps = reader.required("steps").map { stepReader.steps($0, "`steps`") } ?? []
        let cleanup = reader.optional("cleanup").map { stepReader.steps($0, "`cleanup`") } ?? []
        reader.finish()
        guard let title, let level, let profile else { return nil }
        if title.trimmingSpaces().isEmpty { file.mistake("`title` is empty", at: root) }
        return Scenario(
            id: id, position: file.start, title: title, sources: sources, level: level, profile: profile,
            tags: Set(tags), uses: uses, needs: needs, steps: steps, cleanup: cleanup)
    }

    private func level(_ node: Node) -> Level? {
        guard let text = file.scalar(node, "`level`") else { return nil }
        guard let level = Level(rawValue: text) else {
            file.mistake("`level` must be must, should or may", at: node)
            return nil
        }
        return level
    }

    /// One source or a list of them.
    private func sources(_ node: Node) -> [PromiseSource] {
        let nodes = if case .sequence(let list) = node { Array(list) } else { [node] }
        if nodes.isEmpty { file.mistake("`source` names nothing", at: node) }
        return nodes.compactMap { node in
            guard let text = file.scalar(node, "`source`") else { return nil }
            let parts = text.split(separator: "#", omittingEmptySubsequences: false)
            let isNumbered = parts.count == 2 && parts[0].hasSuffix(".md") && !parts[1].isEmpty
            let isSection = !text.contains("#") && text.split(separator: " ").count >= 2
            guard isNumbered || isSection else {
                file.mistake("`source` must be a numbered promise (API.md#O-12) or a section (RFC 6750 §3)", at: node)
                return nil
            }
            return PromiseSource(text: text, position: file.position(of: node))
        }
    }

    private func word(_ node: Node, _ what: String) -> String? {
        guard let text = file.scalar(node, what) else { return nil }
        guard VariableName.isWord(text) else {
            file.mistake("\(what) must be one word of letters, digits, `-` and `_`", at: node)
            return nil
        }
        return text
    }

    private func uses(_ node: Node) -> [FixtureUse] {
        guard let nodes = file.list(node, "`uses`") else { return [] }
        var names: Set<String> = ["self"]
        return nodes.compactMap { node in
            guard let reader = MappingReader(node, in: file, what: "a use") else { return nil }
            let fixture = reader.required("fixture").flatMap { word($0, "`fixture`") }
            let instanceNode = reader.optional("as")
            let instance = if let instanceNode { word(instanceNode, "`as`") } else { fixture }
            reader.finish()
            guard let fixture, let instance else { return nil }
            if !names.insert(instance).inserted {
                file.mistake("the name `\(instance)` is taken", at: instanceNode ?? node)
            }
            return FixtureUse(fixture: fixture, instance: instance, position: file.position(of: node))
        }
    }
}

/// Reads the file of a fixture.
struct FixtureReader {
    let file: YAMLFile
    let name: String

    func fixture() -> Fixture? {
        guard let root = requireRoot(file) else { return nil }
        guard let reader = MappingReader(root, in: file, what: "a fixture") else { return nil }
        if let title = reader.optional("title") { _ = file.scalar(title, "`title`") }
        let needs = reader.optional("needs").map { NeedsReader(file: file).needs($0) } ?? []
        let stepReader = StepReader(file: file)
        let steps = reader.optional("steps").map { stepReader.steps($0, "`steps`") } ?? []
        let cleanup = reader.optional("cleanup").map { stepReader.steps($0, "`cleanup`") } ?? []
        let provides = reader.required("provides").map(provisions) ?? []
        reader.finish()
        return Fixture(
            name: name, position: file.start, needs: needs, steps: steps, cleanup: cleanup, provides: provides)
    }

    /// A mapping of names to texts, or a list of names that the steps capture.
    private func provisions(_ node: Node) -> [Fixture.Provision] {
        if case .sequence(let list) = node {
            return list.compactMap { node in
                guard let name = file.scalar(node, "a provided name"), isFree(name, node) else { return nil }
                guard let value = try? Template("{{\(name)}}", at: file.position(of: node)) else { return nil }
                return Fixture.Provision(name: name, value: value)
            }
        }
        return (file.pairs(node, "`provides`") ?? []).compactMap { pair in
            guard isFree(pair.key, pair.keyNode), let value = file.template(pair.value, "`\(pair.key)`") else {
                return nil
            }
            return Fixture.Provision(name: pair.key, value: value)
        }
    }

    private func isFree(_ name: String, _ node: Node) -> Bool {
        if !VariableName.isWord(name) {
            file.mistake("`\(name)` is not the name of a variable", at: node)
        } else if name == "name" {
            file.mistake("`name` is taken: {{self.name}} is the name of the instance", at: node)
        } else {
            return true
        }
        return false
    }
}

struct NeedsReader {
    let file: YAMLFile

    func needs(_ node: Node) -> [String] {
        (file.list(node, "`needs`") ?? []).compactMap { node in
            guard let name = file.scalar(node, "`needs`") else { return nil }
            guard file.isCallerVariable(name) else {
                file.mistake(
                    "`needs` names `\(name)`, which no caller can give: declare it in the suite's variables.yaml",
                    at: node)
                return nil
            }
            return name
        }
    }
}

private func requireRoot(_ file: YAMLFile) -> Node? {
    if file.root == nil, file.mistakes.isEmpty { file.mistake("the file is empty", at: file.start) }
    return file.root
}
