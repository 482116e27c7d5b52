# frozen_string_literal: true

RSpec.describe Karafka::Embedded::Tool do
  around do |example|
    program = $PROGRAM_NAME
    example.run
  ensure
    $PROGRAM_NAME = program
  end

  it "takes a program for none" do
    expect(described_class.name).to be_nil
  end

  %w[irb pry bin/console].each do |program|
    it "knows a console by its name: #{program}" do
      $PROGRAM_NAME = program
      expect(described_class.name).to eq(:console)
    end
  end

  it "knows the console of Rails" do
    stub_const("Rails::Console", Class.new)
    expect(described_class.name).to eq(:console)
  end

  it "knows a generator of Rails" do
    stub_const("Rails::Command::GenerateCommand", Class.new)
    expect(described_class.name).to eq(:generator)
  end

  it "knows Spring" do
    stub_const("Spring::Application", Class.new)
    expect(described_class.name).to eq(:spring)
  end

  it "knows a rake task, and not a program that has merely loaded rake" do
    rake = Struct.new(:application).new(Struct.new(:top_level_tasks).new([]))
    stub_const("Rake", rake)
    expect(described_class.name).to be_nil
    rake.application.top_level_tasks << "db:migrate"
    expect(described_class.name).to eq(:rake)
  end
end
