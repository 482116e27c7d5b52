# frozen_string_literal: true

# The signatures in sig/ are valid, and what they promise is there.
begin
  require "rbs"
rescue LoadError
  # Ruby ships rbs as a gem that a system may leave out; the examples say so
end

# Loaded by those alone who report there
Dir.glob("karafka/instrumentation/vendors/*/*_listener.rb", base: File.expand_path("../../lib", __dir__))
   .each { |path| require path.delete_suffix(".rb") }

# The extension of the gem rbs does not survive a collector that moves objects (rbs 2.7).
RSpec.describe "the signatures", :immovable do
  before { skip "the gem rbs is not installed" unless defined?(RBS) }

  let(:directory) { Pathname.new(File.expand_path("../../sig", __dir__)) }
  let(:environment) do
    loader = RBS::EnvironmentLoader.new
    %w[pathname].each { |library| loader.add(library: library, version: nil) }
    loader.add(path: directory)
    RBS::Environment.from_loader(loader).resolve_type_names
  end
  let(:builder) { RBS::DefinitionBuilder.new(env: environment) }

  def ours(declarations)
    declarations.select do |_, entry|
      entry.decls.any? { |one| one.decl.location.buffer.name.to_s.start_with?(directory.to_s) }
    end
  end

  def missing(definition, owner, constant)
    definition.methods.filter_map do |name, method|
      next unless method.defined_in.to_s == constant.to_s

      "#{constant}##{name}" unless yield(owner, name)
    end
  end

  it "are valid" do
    ours(environment.class_decls).each_key do |name|
      expect { builder.build_instance(name) && builder.build_singleton(name) }.not_to raise_error
    end
  end

  it "promise nothing that is not there" do
    absent = ours(environment.class_decls).keys.flat_map do |name|
      owner = Object.const_get(name.to_s)
      missing(builder.build_instance(name), owner, name) { |mod, method| known?(mod, method) } +
        missing(builder.build_singleton(name), owner.singleton_class, name) { |mod, method| known?(mod, method) }
    end

    expect(absent).to be_empty
  end

  def known?(mod, method)
    mod.method_defined?(method) || mod.private_method_defined?(method)
  end
end
