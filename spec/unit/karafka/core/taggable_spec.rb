# frozen_string_literal: true

RSpec.describe Karafka::Core::Taggable do
  subject(:tags) { Class.new { include Karafka::Core::Taggable }.new.tags }

  it "keeps one tag a name, each value once" do
    tags.add(:a, "x")
    tags.add(:a, "y")
    tags.add(:b, :y)
    tags.add("c", "z")

    expect(tags.to_a).to eq(%w[y z])
    expect(tags.to_json).to eq('["y","z"]')
    expect(tags.as_json).to eq(%w[y z])
  end

  it "forgets one or all" do
    tags.add(:a, "x")
    tags.add(:b, "y")
    tags.delete(:a)
    expect(tags.to_a).to eq(%w[y])
    tags.clear
    expect(tags.to_a).to be_empty
  end
end
