# frozen_string_literal: true

RSpec.describe Karafka::Declaratives do
  let(:declaratives) { Karafka::App.declaratives }
  let(:repository) { declaratives.repository }

  before { setup_app }

  it "is drawn, with defaults" do
    declaratives.draw do
      defaults { replication_factor 3 }
      topic(:orders) do
        partitions 6
        config("cleanup.policy": "compact")
      end
      topic(:refunds) { active false }
    end

    expect(declaratives.find_topic("orders").to_h).to eq(
      name: "orders", active: true, partitions: 6, replication_factor: 3, details: { "cleanup.policy": "compact" },
      bootstrap_servers: nil
    )
    expect(declaratives.topics.map(&:name)).to eq(%w[orders refunds])
    expect(repository.active.map(&:name)).to eq(%w[orders])
  end

  it "leaves a topic to who declares it first" do
    declaratives.draw { topic(:orders) { partitions 6 } }
    draw do
      topic(:orders) { active(false) && config(partitions: 2) }
      topic(:refunds) { active(false) && config(partitions: 2) }
      consumer_group(:second) { topic(:refunds) { active(false) && config(partitions: 9) } }
    end

    expect(repository.to_h { |topic| [topic.name, topic.partitions] }).to eq("orders" => 6, "refunds" => 2)
    expect(Karafka::App.routes.last.topics.first.declaratives).to equal(repository.find(:refunds))
  end

  it "forgets what routes declared when they are drawn anew" do
    declaratives.draw { topic(:orders) { partitions 6 } }
    draw { topic(:refunds) { active(false) && config(partitions: 2) } }
    Karafka::App.routes.redraw { topic(:visits) { active(false) && config(partitions: 3) } }

    expect(repository.map(&:name)).to match_array(%w[orders visits])
    expect([repository.size, repository.empty?]).to eq([2, false])
    repository.clear
    expect(repository).to be_empty
  end

  it "makes a topic when asked for one that is not there" do
    expect(repository.find_or_create(:orders)).to equal(repository.find_or_create("orders"))
    expect(repository.find("orders")).to have_attributes(active?: true, partitions: 1, replication_factor: 1,
                                                         details: {})
  end
end
